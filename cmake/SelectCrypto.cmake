# SelectCrypto.cmake – libcrypto gives SHA-256 for content digests (Debian: libssl-dev).
find_package(PkgConfig REQUIRED)
pkg_check_modules(C5_CRYPTO_PC REQUIRED IMPORTED_TARGET libcrypto)
add_library(c5::crypto ALIAS PkgConfig::C5_CRYPTO_PC)
set(C5_CRYPTO_VERSION ${C5_CRYPTO_PC_VERSION})
