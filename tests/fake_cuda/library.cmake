# The stand-ins for the CUDA runtime and for a UCX with CUDA as libraries, for tests/CMakeLists.txt and tests/gpu/CMakeLists.txt.
set(baton_fake_cuda_sources
  fake_cuda/account.c fake_cuda/block.c fake_cuda/call.c fake_cuda/copy.c fake_cuda/device.c
  fake_cuda/device_memory.c fake_cuda/error.c fake_cuda/event.c fake_cuda/fault.c fake_cuda/host_memory.c
  fake_cuda/kernel.c fake_cuda/mark.c fake_cuda/memory.c fake_cuda/pointer.c fake_cuda/pool.c
  fake_cuda/queue.c fake_cuda/settings.c fake_cuda/stream.c fake_cuda/work.c)
list(TRANSFORM baton_fake_cuda_sources PREPEND "${CMAKE_CURRENT_LIST_DIR}/../")
add_library(fake_cuda SHARED ${baton_fake_cuda_sources})
target_link_libraries(fake_cuda PRIVATE baton_compile Threads::Threads)
# The runtime's own header declares what is defined here, so that the compiler compares the two.
target_include_directories(fake_cuda SYSTEM PUBLIC "${BATON_CUDA_INCLUDE_DIR}")
target_include_directories(fake_cuda INTERFACE "${CMAKE_CURRENT_LIST_DIR}")
# Threads of it may run as long as the process.
target_link_options(fake_cuda PRIVATE -Wl,-z,nodelete)
set_target_properties(fake_cuda PROPERTIES
  OUTPUT_NAME cudart_fake
  C_VISIBILITY_PRESET hidden
  LIBRARY_OUTPUT_DIRECTORY "${baton_test_bin}")

# A UCX that reaches its memory, by LD_PRELOAD.
set(baton_ucx_cuda_source
  fake_cuda/ucx_cuda.c)
add_library(ucx_cuda SHARED "${CMAKE_CURRENT_LIST_DIR}/../${baton_ucx_cuda_source}")
target_link_libraries(ucx_cuda PRIVATE baton_compile baton_dependencies)
target_include_directories(ucx_cuda PRIVATE "${CMAKE_CURRENT_LIST_DIR}")
target_include_directories(ucx_cuda SYSTEM PRIVATE "${BATON_CUDA_INCLUDE_DIR}")
set_target_properties(ucx_cuda PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${baton_test_bin}")
