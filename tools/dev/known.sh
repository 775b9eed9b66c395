# What is looked at before minutes of building: arguments that cannot be meant end here. Sourced by ./dev.

# options COMMAND ALONE WITH ARGUMENT...: each argument is one of the words ALONE, or one of WITH and its value.
options()
{
	local command=$1 alone=$2 with=$3 name
	shift 3
	while [ $# -gt 0 ]; do
		name=${1%%=*}
		if [[ " $alone " == *" $name "* || (" $with " == *" $name "* && $1 == *=*) ]]; then
			shift
		elif [[ " $with " == *" $name "* && $# -gt 1 ]]; then
			shift 2
		elif [[ " $with " == *" $name "* ]]; then
			die "$command: $name: a value is missing"
		else
			die "$command: there is no argument '$1'; these are: $alone $with"
		fi
	done
}

# Those of `parseArgs` in the checker itself.
faults_known()
{
	local of='s/^    ([a-z]+): \{ type: .TYPE., .*/--\1/p' alone with
	alone=$(sed -nE "${of/TYPE/boolean}" tests/faults/faults.ts | tr '\n' ' ')
	with=$(sed -nE "${of/TYPE/string}" tests/faults/faults.ts | tr '\n' ' ')
	options faults "${alone% }" "${with% }" "$@"
}

sim_known() { options sim '--trace --minimise --until-failure' '--seed --seeds --off --jobs' "$@"; }

bench_known()
{
	local name parts
	parts=$(sed -n 's/^parts="\(.*\)"$/\1/p' bench/run)
	for name; do
		[[ " $parts " == *" $name "* ]] || die "bench: there is no benchmark '$name': $parts"
	done
}
