/* screen_tables.c – see screen_tables.h. */
#include "classify/screen_tables.h"

#include "base/dtype.h"

#define F(type, member) offsetof(type, member)

const c5_record_field c5_field_fields[] = {
	{ "experiment", C5_RECORD_TEXT, F(c5_screen_field, experiment), NULL, NULL },
	{ "plate", C5_RECORD_TEXT, F(c5_screen_field, plate), NULL, NULL },
	{ "well", C5_RECORD_TEXT, F(c5_screen_field, well), NULL, NULL },
	{ "condition", C5_RECORD_TEXT, F(c5_screen_field, condition), NULL, NULL },
	{ "compound", C5_RECORD_TEXT, F(c5_screen_field, compound), NULL, NULL },
	{ "dose", C5_RECORD_TEXT, F(c5_screen_field, dose), NULL, NULL },
	{ "objects", C5_U64, F(c5_screen_field, objects), "1", NULL },
	{ "positive", C5_U64, F(c5_screen_field, positive), "1", NULL },
	{ "mean", C5_F64, F(c5_screen_field, mean), "1", NULL },
	{ "share", C5_F64, F(c5_screen_field, share), "1", NULL },
	{ 0 },
};

const c5_record_field c5_well_fields[] = {
	{ "plate", C5_RECORD_TEXT, F(c5_screen_well, plate), NULL, NULL },
	{ "well", C5_RECORD_TEXT, F(c5_screen_well, well), NULL, NULL },
	{ "condition", C5_RECORD_TEXT, F(c5_screen_well, condition), NULL, NULL },
	{ "compound", C5_RECORD_TEXT, F(c5_screen_well, compound), NULL, NULL },
	{ "dose", C5_RECORD_TEXT, F(c5_screen_well, dose), NULL, NULL },
	{ "role", C5_RECORD_WORD, F(c5_screen_well, role), NULL, c5_role_name },
	{ "experiments", C5_U32, F(c5_screen_well, experiments), "1", NULL },
	{ "objects", C5_U64, F(c5_screen_well, objects), "1", NULL },
	{ "mean", C5_F64, F(c5_screen_well, mean), "1", NULL },
	{ "share", C5_F64, F(c5_screen_well, share), "1", NULL },
	{ "z", C5_F64, F(c5_screen_well, z), "1", NULL },
	{ "robust_z", C5_F64, F(c5_screen_well, robust_z), "1", NULL },
	{ "difference", C5_F64, F(c5_screen_well, difference), "1", NULL },
	{ "percent_of_control", C5_F64, F(c5_screen_well, percent_of_control), "percent", NULL },
	{ "percent", C5_F64, F(c5_screen_well, percent), "percent", NULL },
	{ 0 },
};

#define Q(member) F(c5_screen_plate, quality.member)
const c5_record_field c5_plate_fields[] = {
	{ "plate", C5_RECORD_TEXT, F(c5_screen_plate, plate), NULL, NULL },
	{ "wells", C5_U32, F(c5_screen_plate, wells), "1", NULL },
	{ "objects", C5_U64, F(c5_screen_plate, objects), "1", NULL },
	{ "wells_negative", C5_RECORD_SIZE, Q(n_negative), "1", NULL },
	{ "wells_positive", C5_RECORD_SIZE, Q(n_positive), "1", NULL },
	{ "mean_negative", C5_F64, Q(mean_negative), "1", NULL },
	{ "sd_negative", C5_F64, Q(sd_negative), "1", NULL },
	{ "mean_positive", C5_F64, Q(mean_positive), "1", NULL },
	{ "sd_positive", C5_F64, Q(sd_positive), "1", NULL },
	{ "median_negative", C5_F64, Q(median_negative), "1", NULL },
	{ "mad_negative", C5_F64, Q(mad_negative), "1", NULL },
	{ "Z_prime", C5_F64, Q(z_prime), "1", NULL },
	{ "robust_Z_prime", C5_F64, Q(robust_z_prime), "1", NULL },
	{ "SSMD", C5_F64, Q(ssmd), "1", NULL },
	{ "robust_SSMD", C5_F64, Q(robust_ssmd), "1", NULL },
	{ "signal_to_background", C5_F64, Q(signal_to_background), "1", NULL },
	{ 0 },
};

#define T(member) F(c5_screen_treatment, member)
#define NAMES \
	{ "condition", C5_RECORD_TEXT, T(condition), NULL, NULL }, \
	{ "compound", C5_RECORD_TEXT, T(compound), NULL, NULL }, \
	{ "dose", C5_RECORD_TEXT, T(dose), NULL, NULL }, \
	{ "role", C5_RECORD_WORD, T(role), NULL, c5_role_name }

const c5_record_field c5_condition_fields[] = {
	NAMES,
	{ "plates", C5_U32, T(plates), "1", NULL },
	{ "wells", C5_U32, T(wells), "1", NULL },
	{ "experiments", C5_U32, T(experiments), "1", NULL },
	{ "objects", C5_U64, T(objects), "1", NULL },
	{ "mean", C5_F64, T(mean), "1", NULL },
	{ "share", C5_F64, T(share), "1", NULL },
	{ "mean_of_wells", C5_F64, T(value), "1", NULL },
	{ "sd_of_wells", C5_F64, T(sd), "1", NULL },
	{ "low", C5_F64, T(low), "1", NULL },
	{ "high", C5_F64, T(high), "1", NULL },
	{ "normalised", C5_F64, T(normalised), "1", NULL },
	{ 0 },
};

const c5_record_field c5_hit_fields[] = {
	NAMES,
	{ "hit", C5_RECORD_BOOL, T(hit), "1", NULL },
	{ "wells", C5_U32, T(tested), "1", NULL },
	{ "plates", C5_U32, T(plates), "1", NULL },
	{ "mean", C5_F64, T(mean), "1", NULL },
	{ "normalised", C5_F64, T(normalised), "1", NULL },
	{ "SSMD", C5_F64, T(ssmd), "1", NULL },
	{ "effect", C5_F64, T(effect), "1", NULL },
	{ "p", C5_F64, T(p), "1", NULL },
	{ "q", C5_F64, T(q), "1", NULL },
	{ "exact", C5_RECORD_BOOL, T(exact), "1", NULL },
	{ 0 },
};

void c5_screen_tables(c5_screen_table tables[C5_SCREEN_TABLES], const c5_screen *s, const c5_screen_field *fields, size_t n)
{
	const c5_screen_table all[C5_SCREEN_TABLES] = {
		{ "experiments", c5_field_fields, fields, n, sizeof *fields, NULL },
		{ "wells", c5_well_fields, s->wells, s->n_wells, sizeof *s->wells, NULL },
		{ "plates", c5_plate_fields, s->plates, s->n_plates, sizeof *s->plates, NULL },
		{ "conditions", c5_condition_fields, s->treatments, s->n_treatments, sizeof *s->treatments, NULL },
		{ "hits", c5_hit_fields, s->treatments, s->n_treatments, sizeof *s->treatments, s->ranked },
	};
	for (int i = 0; i < C5_SCREEN_TABLES; i++) tables[i] = all[i];
}
