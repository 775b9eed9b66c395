# All suites, their times, and the sum as the last line. Sourced by ./dev. What did not run counts as failed.

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:abort_on_error=1:print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}

passed=0 failed=0

# suite NAME COMMAND...: the command's last line of output is `PASSED FAILED`; anything else is one failure.
suite()
{
	local name=$1 from=${EPOCHREALTIME/./} out ms p f
	shift
	out=$("$@" </dev/null) || true
	ms=$(((${EPOCHREALTIME/./} - from) / 1000))
	read -r p f <<<"${out##*$'\n'}" || true
	if ! [[ $p =~ ^[0-9]+$ && $f =~ ^[0-9]+$ ]]; then
		p=0 f=1
		say "$name did not run to its end"
	fi
	passed=$((passed + p)) failed=$((failed + f))
	[ $((p + f)) = 0 ] || printf '%-10s %6d passed %4d failed %7d.%01d s\n' "$name" "$p" "$f" $((ms / 1000)) $((ms % 1000 / 100))
	[ "$f" = 0 ]
}

tally() { "$node" tools/dev/tally.mjs "$@"; }

# The lines that hold the filter, or all.
filtered() { grep -F -- "$filter" || true; }

# Lines of SUITE:NAME, each with the name of its file, for the filter; and without again.
with_files() { sed -E 's|^(unit):(.*/)([^/]*)$|& tests/\1/\2test_\3.c|'; }

# The tests of a build, one a line: SUITE:NAME.
meson_tests() { meson introspect "$1" --tests | "$node" tools/dev/tally.mjs list | grep -E "$2" | with_files | filtered | cut -d' ' -f1; }

# test_known [FILTER]: ends here, before minutes of building, when nothing is named like that.
test_known()
{
	local filter=${1-}
	{
		(cd tests/unit && find . -name 'test_*.c') | sed -E 's|^\./(.*/)test_([^/]*)\.c$|unit:\1\2|' | with_files
		printf 'unit:fuzz/%s\n' $(fuzz_targets)
		(cd tests/e2e && find . -name '*.test.ts' -not -path '*/node_modules/*')
		printf '%s\n' "${!check_commands[@]}" unit tsan checks sim e2e faults upgrade
	} | grep -qF -- "$filter" || die "test: nothing is named like '$filter'"
}

# meson_suite DIR PATTERN: the tests of DIR whose line matches, already built.
meson_suite()
{
	local dir=$1 names run=() wrap=()
	names=$(meson_tests "$dir" "$2")
	[ -n "$names" ] || { echo 0 0; return; }
	mapfile -t run < <(sed 's,^[^:]*:,,' <<<"$names")
	# TSan needs its address space where it expects it.
	[ "$dir" != build-tsan ] || ! setarch -R true 2>/dev/null || wrap=(setarch -R)
	"${wrap[@]}" meson test -C "$dir" --no-rebuild --num-processes "$jobs" --logbase "dev-$$" "${run[@]}" >"$dir/meson-logs/dev.out" 2>&1 || true
	tally meson "$dir/meson-logs/dev-$$.json" "$names"
	rm -f "$dir/meson-logs/dev-$$".*
}

# tap COMMAND...: a program that speaks TAP.
tap()
{
	local out rc=0
	out=$("$@") || rc=$?
	tally tap "$rc" "$out"
}

# The release must not know any switch that breaks a mechanism on purpose; the test build must know each that the
# sources name (as a string LINNET_FAULT...), or looking for them would prove nothing.
check_release()
{
	local names name n=1
	names=$(grep -rhoE --include='*.[ch]' --include='*.def' '"LINNET_FAULT[A-Z_]*' src | tr -d '"' | sort -u)
	if grep -qa LINNET_FAULT build/linnet; then echo "not ok 1 - the release knows no fault switch"; else echo "ok 1 - the release knows no fault switch"; fi
	for name in $names; do
		n=$((n + 1))
		if grep -qa "$name" build-asan/linnet; then echo "ok $n - the test build knows $name"; else echo "not ok $n - the test build knows $name"; fi
	done
	echo "1..$n"
}

checks()
{
	local name sum=() out p=0 f=0
	for name in "${!check_commands[@]}"; do
		[[ $name == *"$filter"* || checks == *"$filter"* ]] || continue
		out=$(tap ${check_commands[$name]})
		read -r -a sum <<<"${out##*$'\n'}"
		p=$((p + sum[0])) f=$((f + sum[1]))
	done
	echo "$p $f"
}
declare -A check_commands=([includes]=tests/check_includes [dev]=tests/check_dev [operations]=tests/check_operations [release]=check_release)

faults=(--disable-warning=ExperimentalWarning tests/faults/faults.ts)

# The short form of ./dev faults, and that it finds out what is switched off.
faults()
{
	local log=build-asan/meson-logs/faults.out sum=() out p=0 f=0
	[[ faults == *"$filter"* ]] || { echo 0 0; return; }
	if timeout -k 10 1200 "$node" "${faults[@]}" --seed 1 --seconds 90 >"$log" 2>&1; then
		p=1
	else
		f=1
		tail -60 "$log" >&2
	fi
	out=$(tap timeout -k 10 1200 "$node" "${faults[@]}" --proofs)
	read -r -a sum <<<"${out##*$'\n'}"
	echo "$((p + sum[0])) $((f + sum[1]))"
}

# Pods of an earlier commit beside the present ones. A clone without that commit says so, and counts as tests/skips.txt has it.
upgrade()
{
	[[ upgrade == *"$filter"* ]] || { echo 0 0; return; }
	need_old || return
	if [ -n "$old" ]; then
		tap timeout -k 10 1200 "$node" "${faults[@]}" --upgrade --old "$old" --seed 1
	else
		tap printf 'ok 1 - old pods beside new ones # SKIP %s\n1..1\n' "$no_old"
	fi
}

# What LINNET_FAULTS can switch off, as the sources ask for it.
mechanisms() { grep -rhoE 'fault_on\([^"]*STR\("[a-z_]+"' src | grep -oE '"[a-z_]+"' | tr -d '"' | sort -u; }

# sim_case NAME STATUS COMMAND...: the command ends with this status. It is bounded by simulated time; the timeout is for
# a program that hangs, and leaves room for a machine with twenty times as much to do.
sim_case()
{
	local name=$1 want=$2 out rc=0
	shift 2
	out=$(timeout -k 5 900 "$@" 2>&1) || rc=$?
	sim_cases=$((sim_cases + 1))
	if [ "$rc" = "$want" ]; then echo "ok $sim_cases - $name"; else echo "not ok $sim_cases - $name"; fi
	[ "$rc" = "$want" ] || tail -20 <<<"$out" | sed 's/^/# /'
}

# Clusters on simulated time: many runs of which each must hold, some of them under ASan, a run repeated, and for each
# mechanism that it is needed: without it some run fails.
sim_runs()
{
	local sim=build-sim/tests/sim/sim asan=build-asan/tests/sim/sim sim_cases=0 off hash
	sim_case '2,000 seeds' 0 $sim --seeds 1-2000
	sim_case '100 seeds under ASan' 0 $asan --seeds 2001-2100
	hash=$($sim --seed 77 | head -1)
	sim_case 'a seed repeats, also in another build' 0 [ "$hash" = "$($sim --seed 77 | head -1)" -a "$hash" = "$($asan --seed 77 | head -1)" ]
	for off in $(mechanisms); do
		sim_case "some seed fails with $off" 1 $sim --off "$off" --seeds 1-400 --until-failure
	done
	echo "1..$sim_cases"
}

sim()
{
	[[ sim == *"$filter"* ]] || { echo 0 0; return; }
	build_sim && tap sim_runs
}

e2e()
{
	local out=build-asan/meson-logs/e2e.json files
	files=$(cd tests/e2e && find . -name '*.test.ts' -not -path '*/node_modules/*' | sed 's|^\./||' | sort)
	if [[ e2e != *"$filter"* ]]; then files=$(filtered <<<"$files"); fi
	[ -n "$files" ] || { echo 0 0; return; }
	rm -f "$out"
	(cd tests/e2e && timeout -k 10 3600 "../../$node" ../../node_modules/vitest/vitest.mjs run --reporter=json --outputFile="../../$out" $files) >build-asan/meson-logs/e2e.out 2>&1 || true
	tally vitest "$out" "$files"
}

tsan_tests='^unit:(base|loop|hub|app|bus|redis|eph)/'

test_all()
{
	filter=${1-}
	suite build built build_release || true
	if suite asan built build_asan; then
		suite unit meson_suite build-asan . || true
		suite tsan tsan || true
		suite checks checks || true
		suite sim sim || true
		suite e2e e2e || true
		suite faults faults || true
		suite upgrade upgrade || true
	else
		say 'no test was run'
		failed=$((failed + 7))
	fi
	[ $((passed + failed)) -gt 0 ] || die "nothing is named like '$filter'"
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ]
}

# A build that works is no test; one that does not is a failure.
built()
{
	if "$@"; then echo 0 0; else echo 0 1; fi
}

tsan()
{
	local tests
	tests=$(meson_tests build-asan "$tsan_tests")
	[ -n "$tests" ] || { echo 0 0; return; }
	setup build-tsan --buildtype=debugoptimized -Db_sanitize=thread -Dfaults=true -Dbench=false
	compile build-tsan || return
	meson_suite build-tsan "$tsan_tests"
}
