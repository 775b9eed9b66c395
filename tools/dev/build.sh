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

build_release()
{
	setup build --buildtype=release -Dtests=false -Dfaults=false
	compile build "$@"
}

build_asan()
{
	setup build-asan --buildtype=debugoptimized -Db_sanitize=address,undefined -Dfaults=true
	compile build-asan "$@"
}

build_tsan()
{
	setup build-tsan --buildtype=debugoptimized -Db_sanitize=thread -Dfaults=true -Dbench=false
	compile build-tsan "$@"
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
