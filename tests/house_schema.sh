# house_schema.sh – docs/schema.md is what `cyto5 schema --markdown` prints, and the schema in the program is the file in the source.
[ -n "$CYTO5" ] || { echo "CYTO5 is not set" >&2; exit 77; }
source=${C5_SOURCE:-$(dirname "$0")/..}
made=$(mktemp) || exit 1
trap 'rm -f "$made"' EXIT
"$CYTO5" schema --markdown >"$made" || exit 1
diff -u "$source/docs/schema.md" "$made" || { echo "FAILED: docs/schema.md is old; run: cyto5 schema --markdown > docs/schema.md" >&2; exit 1; }
"$CYTO5" schema >"$made" || exit 1
diff -u "$source/h5schema/1.0/container.yml" "$made" ||
	{ echo "FAILED: the program holds another schema than h5schema/1.0/container.yml" >&2; exit 1; }
