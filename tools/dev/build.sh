# The builds, each in a directory of its own. Sourced by ./dev.

jobs=$(nproc)

# setup DIR OPTION...: configures DIR, again when the options are others than last time.
setup()
{
	local dir=$1 again=()
	shift
	[ "$(cat "$dir/.dev-options" 2>/dev/null)" != "$*" ] || return 0
	[ ! -f "$dir/build.ninja" ] || again=(--reconfigure)
	quietly meson setup "${again[@]}" "$dir" "$@"
	echo "$*" >"$dir/.dev-options"
}

# Runs a command whose output is of interest only when it fails.
quietly()
{
	local log rc=0
	log=$(mktemp)
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	[ $rc = 0 ] || cat "$log" >&2
	rm -f "$log"
	return $rc
}

compile()
{
	local dir=$1
	shift
	say "building $dir"
	quietly ninja -C "$dir" -j "$jobs" "$@"
}

# The npm packages bring the viewer of /docs.
build_release()
{
	need_node_modules
	setup build --buildtype=release -Dtests=false -Dfaults=false -Ddocs=enabled
	compile build "$@"
}

build_asan()
{
	need_node_modules
	setup build-asan --buildtype=debugoptimized -Db_sanitize=address,undefined -Dfaults=true -Ddocs=enabled
	compile build-asan "$@"
}

build_tsan()
{
	setup build-tsan --buildtype=debugoptimized -Db_sanitize=thread -Dfaults=true -Dbench=false
	compile build-tsan "$@"
}

# An earlier commit, with an older schema: its pods must work beside the present ones (tests/faults/upgrade.ts).
old_commit=3e616a4660797c1f43dfaf687b9010f961a95e0e

# build_old DIR: makes DIR/linnet of that commit. DIR comes to be whole or not at all, so that what was interrupted is never
# taken for a program.
build_old()
(
	dir=$1 from=$SECONDS
	mkdir -p "${dir%/*}" && temp=$(mktemp -d "${dir%/*}/.building-XXXXXX") || exit 1
	trap 'rm -rf "$temp"' EXIT
	trap 'exit 1' INT TERM
	say "building ${old_commit:0:7}, from which an upgrade is tested"
	mkdir "$temp/source" "$temp/out"
	(set -o pipefail; git archive "$old_commit" | tar -x -C "$temp/source") || exit 1
	# another compiler may warn of what that one did not
	quietly meson setup "$temp/build" "$temp/source" --buildtype=debugoptimized -Dwerror=false -Dtests=false -Dbench=false || exit 1
	quietly ninja -C "$temp/build" -j "$jobs" linnet || exit 1
	mv "$temp/build/linnet" "$temp/out/" && rm -rf "$dir" || exit 1
	mv -T "$temp/out" "$dir" 2>/dev/null || [ -x "$dir/linnet" ] || exit 1 # somebody else may have been quicker
	say "built in $((SECONDS - from)) s, and kept in $dir"
)

# need_old: sets $old to that program, as kept if it still runs; or to nothing where this clone does not have the commit, and
# $no_old to the reason.
need_old()
{
	local cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/linnet/builds why
	mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || cache=$PWD/build-old
	old=$cache/$old_commit/linnet no_old=
	! "$old" version >/dev/null 2>&1 || return 0
	if ! why=$(git cat-file -e "$old_commit^{commit}" 2>&1); then
		old= no_old="the commit ${old_commit:0:7} is not here (${why%%$'\n'*}); git fetch --unshallow brings what a shallow clone lacks"
		say "NOT TESTED: an upgrade from an older version: $no_old"
		return 0
	fi
	find "$cache" -maxdepth 1 -name '.building-*' -mmin +60 -exec rm -rf {} + 2>/dev/null || true # of one that was killed
	build_old "${old%/linnet}"
}

# Fast, but with assertions and fault switches.
build_sim()
{
	setup build-sim --buildtype=debugoptimized -Db_ndebug=false -Dfaults=true -Dbench=false
	compile build-sim tests/sim/sim
}

build_fuzz()
{
	local cc
	cc=$(clang_path)
	CC=$cc setup build-fuzz --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true \
		-Dbench=false
	compile build-fuzz fuzz
}

fuzz_targets() { sed -nE "s/^foreach target : \[(.*)\]$/\1/p" tests/fuzz/meson.build | tr -d "',"; }

# fuzz_known [TARGET] [SECONDS]: ends here, before minutes of building, when the arguments cannot be meant.
fuzz_known()
{
	local only=${1-} seconds=${2-30}
	[[ $only =~ ^[0-9]+$ ]] && [ $# = 1 ] && return 0
	[[ $seconds =~ ^[0-9]+$ ]] || die "fuzz: '$seconds' is no number of seconds"
	[ -z "$only" ] || grep -qwF -- "$only" <<<"$(fuzz_targets)" || die "fuzz: there is no target '$only': $(fuzz_targets)"
}

# fuzz_all [TARGET] [SECONDS]: new inputs go to build-fuzz/corpus, a crash into build-fuzz/.
fuzz_all()
{
	local only=${1-} seconds=${2:-30} program name found= rc=0
	if [[ $only =~ ^[0-9]+$ ]]; then
		seconds=$only
		only=
	fi
	build_fuzz
	for program in build-fuzz/tests/fuzz/fuzz_*; do
		[ -f "$program" ] && [ -x "$program" ] || continue
		name=${program##*/fuzz_}
		[ -z "$only" ] || [ "$name" = "$only" ] || continue
		found=1
		mkdir -p "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name"
		say "fuzzing $name for $seconds s"
		"$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
			-artifact_prefix="build-fuzz/$name-" "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name" </dev/null || rc=1
	done
	[ -n "$found" ] || die "no fuzz target${only:+ named $only}"
	return $rc
}

c_files() { git ls-files -z --cached --others --exclude-standard '*.c' '*.h'; }
ts_globs() { echo 'tests/**/*.ts' 'tools/**/*.mjs' '*.json' 'tests/*/*.json'; }

lint_all()
{
	local rc=0
	say 'layout of C'
	c_files | xargs -0 "$(clang_format_path)" --dry-run -Werror || rc=1
	say 'layout of TypeScript'
	"$node" node_modules/prettier/bin/prettier.cjs --log-level warn --check $(ts_globs) || rc=1
	say 'types'
	"$node" node_modules/typescript/bin/tsc --noEmit -p tests/e2e || rc=1
	"$node" node_modules/typescript/bin/tsc --noEmit -p tests/faults || rc=1
	say 'includes'
	{ tests/check_includes || rc=1; } > >(grep -vE '^(ok|1\.\.)')
	return $rc
}
