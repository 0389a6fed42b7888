/* imageops.h – operations on small images by scipy.ndimage and scikit-image; written by make_imageops.py. */
enum { OPS_H = 27, OPS_W = 119, SOLID_H = 9, SOLID_W = 130, SOLID_HOLE = 620 };
static const uint64_t ops_mask[1] = { 0xe123b0274f3dbc0fu };
static const uint64_t ops_distances[2] = { 0x14579734f3053511u, 0x99997f98b2543de0u };
static const uint64_t ops_dilated[3] = { 0x39a636b1be4cabb1u, 0x1b564a5f5ac031a1u, 0xc81d9563d5b376cbu };
static const uint64_t ops_eroded[3] = { 0xd0fd197e5a2c064cu, 0x5fc4a66bb2e99304u, 0x8f4db727888690d6u };
static const uint64_t ops_max[2] = { 0x2217848d160f1cdeu, 0x1e7df9cbc55f12d9u };
static const uint64_t ops_min[2] = { 0x44b9e2ac93ac6fe8u, 0x8415a9709f1e854au };
static const uint64_t ops_minima[2] = { 0xb2045b2ba74aef66u, 0xd11bab151714a315u };
static const uint64_t ops_basins[2] = { 0xa54c8d6b79cb511eu, 0xd978fcffb80f0463u };
static const double ops_li[2] = {
	138.314800205, -261.919364296
};
static const double ops_triangle[2] = {
	173.582702637, -173.582702637
};
enum { FIELD_H = 48, FIELD_W = 64 };
static const uint64_t median_u8[4] = { 0x01078ee50f315af4u, 0x665399217cb846f5u, 0xde7b8692a7f29383u, 0x836fe5ddf79870edu };
static const uint64_t median_u16[4] = { 0x3b720eb4a8f1d0a6u, 0xa667c2bff8ca8629u, 0xe58a988b798b95eeu, 0xbb0e96b1f7445abcu };
static const uint64_t median_f32[4] = { 0x6ddd772deddb1066u, 0xa103d43d241b0a8du, 0x8ac327c9f8559e1bu, 0x400219d0a9b42c95u };
