# Tests of `baton perf`: its parts alone, and scripts that run it as people do, each case a test of its own.
set(baton_cli_dir "${PROJECT_SOURCE_DIR}/sidechannel/cli")

# The program's own sources are not in the library.
foreach(name IN ITEMS test_perf_buffers test_perf_slots test_perf_size test_perf_statistics test_perf_options)
  if(TARGET ${name})
    target_include_directories(${name} PRIVATE "${baton_cli_dir}")
  endif()
endforeach()

if(BATON_CLI)
  set(scripts perf perf_serve)
  if(BATON_WITH_CUDA AND BATON_CUDA_COMPILES) # the stand-in for the runtime is there, too
    list(APPEND scripts perf_cuda)
  endif()
  foreach(name IN LISTS scripts)
    set(script "${CMAKE_CURRENT_LIST_DIR}/${name}.sh")
    file(STRINGS "${script}" cases REGEX "^case_[a-z0-9_]+\\(\\)")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${script}")
    foreach(case IN LISTS cases)
      string(REGEX REPLACE "^case_([a-z0-9_]+).*" "\\1" case "${case}")
      baton_add_script_test(cli_${name}_${case} ucx nats COMMAND "${script}" ${case})
    endforeach()
  endforeach()
endif()
