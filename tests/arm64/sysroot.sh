#!/bin/sh
# sysroot.sh FOLDER: unpacks the Debian arm64 packages that the program needs into FOLDER. Nothing is installed or
# executed, so neither root nor a foreign architecture of dpkg is needed. About 530 MB, a minute or two.
set -eu
folder=$1
[ -e "$folder/.complete" ] && exit 0
rm -rf "$folder"
mkdir -p "$folder"
mmdebstrap --quiet --variant=extract --arch=arm64 --include=libc6-dev,libopenmpi-dev,libzmq3-dev,libprotobuf-c-dev,libjansson-dev,libssl-dev,zlib1g-dev,libzip-dev,libcmocka-dev \
  bookworm "$folder"
# Absolute links would lead out of the folder.
find "$folder" -lname '/*' | while read -r link; do
  ln -snfr "$folder$(readlink "$link")" "$link"
done
touch "$folder/.complete"
