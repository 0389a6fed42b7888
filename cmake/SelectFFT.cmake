# SelectFFT.cmake – KISS FFT transforms frames whose shift is measured (Debian: libkissfft-dev).
find_package(PkgConfig REQUIRED)
pkg_check_modules(C5_FFT_PC REQUIRED IMPORTED_TARGET kissfft-float)
add_library(c5::fft ALIAS PkgConfig::C5_FFT_PC)
set(C5_FFT_VERSION ${C5_FFT_PC_VERSION})
