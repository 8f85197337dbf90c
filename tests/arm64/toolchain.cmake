# Debian's cross compiler against the arm64 packages under CPS_SYSROOT; what it builds runs under qemu.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CPS_SYSROOT)
set(CMAKE_SYSROOT ${CPS_SYSROOT})
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L ${CPS_SYSROOT})

set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CPS_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CPS_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${CPS_SYSROOT}/usr/share/pkgconfig)

# Open MPI's compiler wrapper is an arm64 program; this is what it would say.
set(MPI_C_COMPILER MPI_C_COMPILER-NOTFOUND CACHE STRING "")
set(MPI_C_HEADER_DIR ${CPS_SYSROOT}/usr/lib/aarch64-linux-gnu/openmpi/include CACHE PATH "")
set(MPI_C_LIB_NAMES mpi CACHE STRING "")
set(MPI_mpi_LIBRARY ${CPS_SYSROOT}/usr/lib/aarch64-linux-gnu/libmpi.so.40 CACHE FILEPATH "")
