# ./dev sim --readings: other readings of the rules of sync, each a patch of tests/sim/readings, tried on a copy of the tree. Its
# first line says what it changes. Where that ends in "(unseen)" no seed has shown any harm: something else holds, or the simulation
# does not come to it. All others have to be found out. Sourced by ./dev.

readings_seeds=1-2500

# readings_tree TREE: a copy of what the simulation is made of.
readings_tree()
{
	rm -rf "$1"
	mkdir -p "$1"
	cp -rp meson.build meson_options.txt .clang-format src tests tools api bench "$1" 2>/dev/null || true
	rm -rf "$1"/tests/e2e/node_modules
}

# reading TREE BUILD PATCH: prints one line of TAP's kind; 1: it was not as said.
reading()
{
	local tree=$1 build=$2 patch=$3 name out unseen='' rc=0
	name=$(basename "$patch" .patch)
	case $(head -1 "$patch") in *'(unseen)') unseen=yes ;; esac
	if ! quietly patch -s -p1 -d "$tree" -i "$PWD/$patch"; then
		echo "not ok $name - the patch does not fit any more"
		return 1
	fi
	if quietly ninja -C "$build" -j "$jobs" tests/sim/sim; then
		out=$("$build/tests/sim/sim" --seeds "$readings_seeds" --jobs "$jobs" --until-failure 2>&1) || rc=$?
		out=$(grep -m1 FAILED <<<"$out" || echo "$readings_seeds: nothing")
	else
		out='it does not build' rc=-1
	fi
	quietly patch -s -R -p1 -d "$tree" -i "$PWD/$patch"
	if [ "$rc" = -1 ] || { [ -n "$unseen" ] && [ "$rc" != 0 ]; } || { [ -z "$unseen" ] && [ "$rc" = 0 ]; }; then
		echo "not ok $name - $out"
		return 1
	fi
	echo "ok $name - $out"
}

# readings [NAME...]
readings()
{
	local dir=build-readings tree failed=0 patch
	tree=$PWD/$dir/tree
	[ $# -gt 0 ] || set -- $(cd tests/sim/readings && ls ./*.patch | sed 's,^\./,,; s,\.patch$,,')
	readings_tree "$tree"
	[ -f "$dir/build/build.ninja" ] ||
		quietly meson setup "$dir/build" "$tree" --buildtype=debugoptimized -Db_ndebug=false -Dfaults=true -Dbench=false
	for patch in "$@"; do
		[ -f "tests/sim/readings/$patch.patch" ] || { say "no reading is called $patch"; return 2; }
		reading "$tree" "$dir/build" "tests/sim/readings/$patch.patch" || failed=1
	done
	return $failed
}
