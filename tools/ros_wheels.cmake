# Given to CMake as CMAKE_PROJECT_INCLUDE when interface packages are built against the wheels of
# rclpy: their exported targets name header folders of the machine they were made on, which CMake
# refuses because they do not exist here. They are of no use either: Python's and numpy's headers
# are found by the packages themselves.
cmake_minimum_required(VERSION 3.21)

function(grounding3d_drop_missing_includes)
  get_directory_property(targets IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT folders)
      continue()
    endif()
    set(kept "")
    foreach(folder IN LISTS folders)
      if(folder MATCHES "^\\$<" OR EXISTS "${folder}")
        list(APPEND kept "${folder}")
      endif()
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${kept}")
  endforeach()
endfunction()

cmake_language(DEFER CALL grounding3d_drop_missing_includes)
