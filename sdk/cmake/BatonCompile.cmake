# How baton is compiled. `baton_compile` carries the language, the warnings and the sanitizers to every target of the
# project; it is never installed, so none of it reaches a user of the library.
add_library(baton_compile INTERFACE)
target_compile_features(baton_compile INTERFACE c_std_11)
target_compile_definitions(baton_compile INTERFACE _GNU_SOURCE)
target_compile_options(baton_compile INTERFACE
  -Wall
  -Wextra
  -Wpedantic
  -Wshadow
  -Wconversion
  -Wstrict-prototypes
  -Wmissing-prototypes
  $<$<BOOL:${BATON_WERROR}>:-Werror>)

# C11 plus the GNU extensions of the C library, not of the language.
set(CMAKE_C_EXTENSIONS OFF)

if(BATON_SANITIZE)
  list(JOIN BATON_SANITIZE "," baton_sanitizers)
  target_compile_options(baton_compile INTERFACE
    -fsanitize=${baton_sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  target_link_options(baton_compile INTERFACE -fsanitize=${baton_sanitizers})
endif()

if(BATON_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "BATON_FUZZ needs clang: its libFuzzer drives the fuzzers (preset fuzz)")
  endif()
  # Counts coverage in every object, without libFuzzer's main function: only the fuzzers link that.
  target_compile_options(baton_compile INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(baton_compile INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(BATON_COVERAGE)
  target_compile_options(baton_compile INTERFACE --coverage -fprofile-abs-path)
  target_link_options(baton_compile INTERFACE --coverage)
endif()
