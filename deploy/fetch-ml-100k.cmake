# Fetches MovieLens-100k into -DFOLDER=..., whole or not at all: 'cmake -DFOLDER=DIR -P <this file>'. Says why when
# it could not; whether it did, the folder tells.
#
# In CMake because it is there anyway and can download, unpack and hash, where a plain system may have neither curl
# nor unzip. What is trusted is the hashes below and not the connection, which may do without certificates.
set(URL https://files.grouplens.org/datasets/movielens/ml-100k.zip)
set(FILES u.data u.item)
set(SHA256_u.data 06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490)
set(SHA256_u.item 553841ebc7de3a0fd0d6b62a204ea30c1e651aacfb2814c7a6584ac52f2c5701)

# Macros, not functions: their return() ends the script.
macro(give_up reason)
  file(REMOVE_RECURSE ${PART})
  message("${reason}")
  return()
endmacro()

macro(download)
  file(DOWNLOAD ${URL} ${ARGN} TLS_VERIFY OFF STATUS status)
  list(GET status 0 code)
  list(GET status 1 reason)
  if(NOT code EQUAL 0)
    string(REPLACE "\"" "" reason "${reason}")
    give_up("download failed: ${reason}")
  endif()
endmacro()

string(RANDOM LENGTH 8 suffix)
set(PART ${FOLDER}.${suffix}.tmp)
file(MAKE_DIRECTORY ${PART})

# First one byte: a site that cannot be reached is given up soon, a slow one is waited for.
download(RANGE_START 0 RANGE_END 0 TIMEOUT 8)
download(${PART}/ml-100k.zip TIMEOUT 120 INACTIVITY_TIMEOUT 10)

list(TRANSFORM FILES PREPEND ml-100k/ OUTPUT_VARIABLE members)
execute_process(COMMAND ${CMAKE_COMMAND} -E tar xf ml-100k.zip -- ${members}
                WORKING_DIRECTORY ${PART} RESULT_VARIABLE code OUTPUT_QUIET ERROR_QUIET)
foreach(name ${FILES})
  if(NOT code EQUAL 0 OR NOT EXISTS ${PART}/ml-100k/${name})
    give_up("no ${name} in what ${URL} gave")
  endif()
  file(SHA256 ${PART}/ml-100k/${name} hash)
  if(NOT hash STREQUAL SHA256_${name})
    give_up("${name} of ${URL} is not the known one: sha256 ${hash}")
  endif()
endforeach()
file(RENAME ${PART}/ml-100k ${FOLDER})
file(REMOVE_RECURSE ${PART})
