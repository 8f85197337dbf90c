# Tests written in Python: cps_python_test(NAME SCRIPT file LABELS labels... [ARGS args...]
# [TIMEOUT seconds] [ALONE]).
#
# They start the program, some of them eight ranks of it, so ALONE keeps those that launch ranks or
# train long from running beside each other. One that lacks something ends with 77, which is shown
# as skipped.
find_program(CPS_PYTHON python3 HINTS /usr/bin NO_CMAKE_ENVIRONMENT_PATH REQUIRED
             DOC "Python with numpy, for tests")
set(CPS_TEST_ENVIRONMENT
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
  PYTHONDONTWRITEBYTECODE=1)

function(cps_python_test name)
  cmake_parse_arguments(ARG "ALONE" "SCRIPT;TIMEOUT" "ARGS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${CPS_PYTHON} ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_SCRIPT} ${ARG_ARGS})
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" SKIP_RETURN_CODE 77
    ENVIRONMENT "COLLAB_PS_PROGRAM=$<TARGET_FILE:collab-ps>;${CPS_TEST_ENVIRONMENT}")
  if(ARG_ALONE)
    set_tests_properties(${name} PROPERTIES RESOURCE_LOCK ranks PROCESSORS 2)
  endif()
endfunction()
