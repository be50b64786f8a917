# What baton is built on. Everything here is private: the public headers name no type of UCX or NATS, and the
# installed package asks for none of them. Each is taken from pkg-config, or from its CMake package where there is no
# pkg-config: in this order, since the CMake package of nats.c on Debian and Ubuntu names a static library that is not
# shipped and stops whoever asks for it.
find_package(PkgConfig)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# Finds one library; the target to link is in `baton_<name>_target`.
function(baton_find_dependency name module package wanted debian)
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(BATON_${name} QUIET IMPORTED_TARGET GLOBAL ${module})
  endif()
  if(TARGET PkgConfig::BATON_${name})
    set(found PkgConfig::BATON_${name})
  else()
    find_package(${package} CONFIG QUIET GLOBAL)
    set(found ${wanted})
    if(NOT TARGET ${wanted})
      message(FATAL_ERROR
        "baton needs ${name}: neither the pkg-config module ${module} nor the CMake package ${package} was found. "
        "On Debian and Ubuntu: apt-get install ${debian}")
    endif()
  endif()
  set(baton_${name}_target ${found} PARENT_SCOPE)
endfunction()

# Finds a header-only library; the directory is in `baton_<name>_include`.
function(baton_find_header name header debian)
  find_path(BATON_${name}_INCLUDE_DIR ${header})
  mark_as_advanced(BATON_${name}_INCLUDE_DIR)
  if(NOT BATON_${name}_INCLUDE_DIR)
    message(FATAL_ERROR "baton needs the header ${header}. On Debian and Ubuntu: apt-get install ${debian}")
  endif()
  set(baton_${name}_include ${BATON_${name}_INCLUDE_DIR} PARENT_SCOPE)
endfunction()

baton_find_dependency(ucx ucx ucx ucx::ucp libucx-dev)
baton_find_dependency(nats libnats cnats cnats::nats libnats-dev)
baton_find_header(uthash uthash.h uthash-dev)
baton_find_header(dlpack dlpack/dlpack.h libdlpack-dev)

add_library(baton_dependencies INTERFACE)
target_include_directories(baton_dependencies SYSTEM INTERFACE
  ${baton_uthash_include}
  ${baton_dlpack_include})
target_link_libraries(baton_dependencies INTERFACE
  ${baton_ucx_target}
  $<TARGET_NAME_IF_EXISTS:ucx::uct> # of UCX's CMake package; its pkg-config module brings uct along
  ${baton_nats_target}
  Threads::Threads
  ${CMAKE_DL_LIBS}) # dlopen of the CUDA runtime
