# Support for CUDA memory: BATON_WITH_CUDA says if it is built, BATON_CUDA_INCLUDE_DIR where the headers of the CUDA runtime lie (also
# without the support: the tests' stand-in for the runtime is compiled against them).
#
# Headers are all that is needed, and no CUDA compiler: the runtime is loaded by the process that uses it, if it is there.
include(CheckSourceCompiles)

# Not by find_package(CUDAToolkit): that of CMake 3.25 stops at a toolkit of 13, which has no nvToolsExt any more.
find_program(baton_nvcc nvcc NO_CACHE)
set(baton_cuda_folders "${CUDAToolkit_ROOT}" "$ENV{CUDAToolkit_ROOT}" "$ENV{CUDA_HOME}" "$ENV{CUDA_PATH}")
if(baton_nvcc)
  file(REAL_PATH "${baton_nvcc}" baton_nvcc)
  cmake_path(GET baton_nvcc PARENT_PATH baton_nvcc)
  cmake_path(GET baton_nvcc PARENT_PATH baton_nvcc)
  list(APPEND baton_cuda_folders "${baton_nvcc}")
endif()
list(REMOVE_ITEM baton_cuda_folders "")
find_path(BATON_CUDA_INCLUDE_DIR cuda_runtime_api.h
  HINTS ${baton_cuda_folders}
  PATHS /usr/local/cuda /opt/cuda
  PATH_SUFFIXES include targets/x86_64-linux/include targets/sbsa-linux/include
  DOC "Where cuda_runtime_api.h lies")
mark_as_advanced(BATON_CUDA_INCLUDE_DIR)

set(baton_cuda_install "On Debian and Ubuntu: apt-get install nvidia-cuda-dev. Elsewhere a CUDA toolkit 12 or 13 (CUDAToolkit_ROOT or CUDA_HOME \
says where), or the headers alone, of which -DBATON_CUDA_INCLUDE_DIR=... names the folder: the PyPI packages nvidia-cuda-runtime and nvidia-cuda-crt \
have them. -DBATON_CUDA=OFF builds without.")

if(BATON_CUDA_INCLUDE_DIR AND NOT EXISTS "${BATON_CUDA_INCLUDE_DIR}/cuda_runtime_api.h")
  message(FATAL_ERROR "BATON_CUDA_INCLUDE_DIR: there is no cuda_runtime_api.h in ${BATON_CUDA_INCLUDE_DIR}. ${baton_cuda_install}")
endif()

# A folder can have that header and not the ones that it includes, as one of the PyPI packages alone has.
if(BATON_CUDA_INCLUDE_DIR AND NOT "${BATON_CUDA_INCLUDE_DIR}" STREQUAL "${BATON_CUDA_TRIED}")
  unset(BATON_CUDA_COMPILES CACHE)
  set(BATON_CUDA_TRIED "${BATON_CUDA_INCLUDE_DIR}" CACHE INTERNAL "")
endif()
if(BATON_CUDA_INCLUDE_DIR)
  set(CMAKE_REQUIRED_INCLUDES "${BATON_CUDA_INCLUDE_DIR}")
  check_source_compiles(C "
    #include <cuda_runtime_api.h>
    #if CUDART_VERSION < 12000
    #error too old
    #endif
    int main(void) { return (int)cudaSuccess; }" BATON_CUDA_COMPILES)
  unset(CMAKE_REQUIRED_INCLUDES)
endif()

set(BATON_WITH_CUDA OFF)
if(NOT BATON_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "BATON_CUDA is AUTO, ON or OFF, not ${BATON_CUDA}")
elseif(BATON_CUDA STREQUAL "ON" AND NOT BATON_CUDA_INCLUDE_DIR)
  message(FATAL_ERROR "BATON_CUDA=ON needs the header cuda_runtime_api.h, and none was found. ${baton_cuda_install}")
elseif(BATON_CUDA STREQUAL "ON" AND NOT BATON_CUDA_COMPILES)
  message(FATAL_ERROR "BATON_CUDA=ON: ${BATON_CUDA_INCLUDE_DIR}/cuda_runtime_api.h does not compile, or is older than 12. ${baton_cuda_install}")
elseif(NOT BATON_CUDA STREQUAL "OFF" AND BATON_CUDA_COMPILES)
  set(BATON_WITH_CUDA ON)
endif()
if(BATON_WITH_CUDA)
  message(STATUS "CUDA memory: supported, with the headers in ${BATON_CUDA_INCLUDE_DIR}")
else()
  message(STATUS "CUDA memory: not built in (BATON_CUDA=${BATON_CUDA})")
endif()
