# Writes the header OUT with the revision of the source tree SOURCE, as git tells it: "" where the tree is no
# repository of its own. Run at every build; the header changes only when the revision does, so that nothing
# is compiled for nothing.
#
#   cmake -D SOURCE=… -D OUT=… -P revision.cmake
set(revision "")
if(EXISTS ${SOURCE}/.git)
  execute_process(COMMAND git --no-optional-locks -C ${SOURCE} describe --always --dirty --abbrev=12
    OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    set(revision "")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT [[
/* The revision of the source; made by deploy/revision.cmake. */
#define CPS_REVISION "@revision@"
]])
