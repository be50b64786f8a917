# The two libraries made from the objects of all modules, and what is installed.
include(CMakePackageConfigHelpers)

set(baton_map "${PROJECT_SOURCE_DIR}/sdk/cmake/baton.map")
set(baton_public_headers "${PROJECT_SOURCE_DIR}/sdk/include" "${PROJECT_SOURCE_DIR}/sidechannel/include")

# What users link.
add_library(baton SHARED $<TARGET_OBJECTS:baton_objects>)
add_library(baton::baton ALIAS baton)
set_target_properties(baton PROPERTIES
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}
  LINK_DEPENDS "${baton_map}")
target_link_libraries(baton PRIVATE $<BUILD_INTERFACE:baton_compile> $<BUILD_INTERFACE:baton_dependencies>)
target_link_options(baton PRIVATE -Wl,--as-needed "-Wl,--version-script=${baton_map}")
if(NOT BATON_SANITIZE)
  # A sanitizer's symbols come from the program, so there the library is not complete by itself.
  target_link_options(baton PRIVATE -Wl,--no-undefined)
endif()
foreach(directory IN LISTS baton_public_headers)
  target_include_directories(baton PUBLIC $<BUILD_INTERFACE:${directory}>)
endforeach()
target_include_directories(baton INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# What the tests link that look inside. Never installed.
add_library(baton_internal STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:baton_objects>)
target_link_libraries(baton_internal PUBLIC baton_compile baton_dependencies)
target_include_directories(baton_internal PUBLIC
  ${baton_public_headers}
  "${PROJECT_SOURCE_DIR}/sdk/src"
  "${PROJECT_SOURCE_DIR}/sidechannel/src")

install(TARGETS baton EXPORT baton
  LIBRARY
    DESTINATION ${CMAKE_INSTALL_LIBDIR}
    COMPONENT baton_runtime
    NAMELINK_COMPONENT baton_development)
foreach(directory IN LISTS baton_public_headers)
  install(DIRECTORY "${directory}/baton" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    COMPONENT baton_development
    FILES_MATCHING PATTERN "*.h")
endforeach()

# find_package(baton)
set(baton_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/baton")
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/sdk/cmake/batonConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/batonConfig.cmake"
  INSTALL_DESTINATION ${baton_package_dir})
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/batonConfigVersion.cmake"
  COMPATIBILITY SameMajorVersion)
install(FILES "${PROJECT_BINARY_DIR}/batonConfig.cmake" "${PROJECT_BINARY_DIR}/batonConfigVersion.cmake"
  DESTINATION ${baton_package_dir}
  COMPONENT baton_development)
install(EXPORT baton NAMESPACE baton:: FILE batonTargets.cmake
  DESTINATION ${baton_package_dir}
  COMPONENT baton_development)

# pkg-config baton. The directories are relative to the file where they can be, so that the tree can be moved.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(baton_pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
  set(baton_pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()
if(IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(baton_pc_includedir "${CMAKE_INSTALL_INCLUDEDIR}")
else()
  set(baton_pc_includedir "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
# The prefix is what the install step says (cmake --install --prefix), not what the configure step said: it is filled in
# there, everything else here.
set(baton_pc_prefix "@baton_pc_prefix@")
configure_file("${PROJECT_SOURCE_DIR}/sdk/cmake/baton.pc.in" "${PROJECT_BINARY_DIR}/baton.pc.in" @ONLY)
install(CODE "
  set(baton_pc_prefix \"\${CMAKE_INSTALL_PREFIX}\")
  configure_file(\"${PROJECT_BINARY_DIR}/baton.pc.in\" \"${PROJECT_BINARY_DIR}/baton.pc\" @ONLY)"
  COMPONENT baton_development)
install(FILES "${PROJECT_BINARY_DIR}/baton.pc" DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT baton_development)
