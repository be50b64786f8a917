# How test programs are made and run: for tests/CMakeLists.txt and tests/gpu/CMakeLists.txt. The caller has set baton_criterion_target.
set(baton_results "${PROJECT_BINARY_DIR}/results")
file(MAKE_DIRECTORY "${baton_results}")
set(baton_test_bin "${PROJECT_BINARY_DIR}/tests/bin")

# What every test finds in its environment.
set(baton_test_environment
  "BATON_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
  "BATON_BUILD_DIR=${PROJECT_BINARY_DIR}"
  "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
  "UBSAN_OPTIONS=print_stacktrace=1"
  "TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1:suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp"
  "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/lsan.supp")

# What all tests have in common. Criterion's runner exits with 0 after a leak, so the words of the sanitizers count too.
function(baton_set_test name)
  cmake_parse_arguments(PARSE_ARGV 1 test "SERIAL" "TIMEOUT" "LABELS")
  if(NOT test_TIMEOUT)
    set(test_TIMEOUT 120)
  endif()
  if(BATON_SANITIZE)
    math(EXPR test_TIMEOUT "${test_TIMEOUT} * 3")
  endif()
  set_tests_properties(${name} PROPERTIES
    LABELS "${test_LABELS}"
    TIMEOUT ${test_TIMEOUT}
    SKIP_RETURN_CODE 77
    RUN_SERIAL ${test_SERIAL}
    ENVIRONMENT "${baton_test_environment}"
    FAIL_REGULAR_EXPRESSION "LeakSanitizer;runtime error:;AddressSanitizer;WARNING: ThreadSanitizer")
endfunction()

function(baton_add_test_program name)
  cmake_parse_arguments(PARSE_ARGV 1 test "" "" "LIBRARIES;SOURCES")
  add_executable(${name} ${test_SOURCES})
  target_link_libraries(${name} PRIVATE baton_internal ${test_LIBRARIES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${baton_test_bin}")
endfunction()

# baton_add_criterion_test(NAME label... [SERIAL] [TIMEOUT seconds] [LIBRARIES library...] SOURCES source...)
# A Criterion program: counted by its single cases, read from the TAP file that it leaves.
# Criterion's runner does not start under ThreadSanitizer, and the fuzzers are built alone.
function(baton_add_criterion_test name)
  if(BATON_FUZZ OR BATON_SANITIZE MATCHES "thread")
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 test "SERIAL" "TIMEOUT" "LIBRARIES;SOURCES")
  baton_add_test_program(${name} SOURCES ${test_SOURCES} LIBRARIES ${baton_criterion_target} ${test_LIBRARIES})
  # Criterion's own macros are not clean under these.
  target_compile_options(${name} PRIVATE -Wno-pedantic -Wno-missing-prototypes)
  add_test(NAME ${name}
    COMMAND ${name} --jobs 1 "--output=tap:${baton_results}/${name}.tap")
  set(serial "")
  if(test_SERIAL)
    set(serial SERIAL)
  endif()
  baton_set_test(${name} ${serial} TIMEOUT "${test_TIMEOUT}" LABELS ${test_UNPARSED_ARGUMENTS})
endfunction()

# baton_add_plain_test(NAME label... [SERIAL] [TIMEOUT seconds] [LIBRARIES library...] SOURCES source...)
# A program with a main of its own; its exit status is the result, 77 is a skip with its last line as the reason.
function(baton_add_plain_test name)
  if(BATON_FUZZ)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 test "SERIAL" "TIMEOUT" "LIBRARIES;SOURCES")
  baton_add_test_program(${name} SOURCES ${test_SOURCES} LIBRARIES ${test_LIBRARIES})
  set(prefix "")
  if(BATON_SANITIZE MATCHES "thread")
    set(prefix "${PROJECT_SOURCE_DIR}/tests/support/tsan.sh")
  endif()
  add_test(NAME ${name} COMMAND ${prefix} $<TARGET_FILE:${name}>)
  set(serial "")
  if(test_SERIAL)
    set(serial SERIAL)
  endif()
  baton_set_test(${name} ${serial} TIMEOUT "${test_TIMEOUT}" LABELS ${test_UNPARSED_ARGUMENTS})
endfunction()

# baton_add_script_test(NAME label... [SERIAL] [TIMEOUT seconds] COMMAND command...)
# A script: as a plain program.
function(baton_add_script_test name)
  if(BATON_FUZZ)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 test "SERIAL" "TIMEOUT" "COMMAND")
  add_test(NAME ${name} COMMAND ${test_COMMAND})
  set(serial "")
  if(test_SERIAL)
    set(serial SERIAL)
  endif()
  baton_set_test(${name} ${serial} TIMEOUT "${test_TIMEOUT}" LABELS ${test_UNPARSED_ARGUMENTS})
endfunction()

# baton_add_fuzzer(NAME SOURCES source... [LIBRARIES library...] [SEED source])
# A libFuzzer program, in the preset fuzz alone; tests/run.sh --all gives each a bounded time. SEED is a program that
# writes the first inputs into the folder that it is called with.
function(baton_add_fuzzer name)
  if(NOT BATON_FUZZ)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 test "" "SEED" "LIBRARIES;SOURCES")
  baton_add_test_program(${name} SOURCES ${test_SOURCES} LIBRARIES ${test_LIBRARIES})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${baton_test_bin}/fuzz")
  if(test_SEED)
    baton_add_test_program(${name}_seed SOURCES ${test_SEED})
    set_target_properties(${name}_seed PROPERTIES
      OUTPUT_NAME ${name}
      RUNTIME_OUTPUT_DIRECTORY "${baton_test_bin}/seed")
  endif()
endfunction()
