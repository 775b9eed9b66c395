#!/bin/bash
# nginx as the ingress: prints the configuration for nginx -p DIR -c FILE. Started by ./dev cluster and ./dev faults.
#
#   nginx.sh DIR PORT BACKEND_PORT...
#
# Paths as on the cluster: /api and /ws go to the backends, and / too, for a page of theirs, until there is a frontend.
set -eu
dir=$1 port=$2
shift 2

# A backend that refuses connections is left alone for a second (passive health check). One that answers /ws by 503 is going
# away: the next one is asked. A request that was sent to a backend is never repeated at another, unless it only reads.
servers=$(printf '\t\tserver 127.0.0.1:%s max_fails=1 fail_timeout=1s;\n' "$@")
temp=$(for kind in client_body proxy fastcgi uwsgi scgi; do printf '\t%s_temp_path %s/temp-%s;\n' $kind "$dir" $kind; done)

cat <<EOF
daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/nginx.log warn;
worker_rlimit_nofile 20000;
events {
	worker_connections 9000;
}
http {
	access_log off;
	server_tokens off;
$temp
	upstream backend {
		zone backend 64k;
		least_conn;
$servers
		keepalive 64;
	}
	map \$http_upgrade \$connection_header {
		default upgrade;
		'' '';
	}
	proxy_http_version 1.1;
	proxy_set_header Host \$http_host;
	proxy_set_header Connection \$connection_header;
	proxy_set_header Upgrade \$http_upgrade;
	# the first proxy: what a client says of itself does not count
	proxy_set_header X-Forwarded-For \$remote_addr;
	proxy_set_header X-Forwarded-Proto \$scheme;
	proxy_connect_timeout 2s;
	proxy_read_timeout 60s;
	proxy_next_upstream error timeout;
	client_max_body_size 64k; # as LINNET_JSON_BODY
	server {
		listen 127.0.0.1:$port;
		location = / {
			proxy_pass http://backend;
		}
		location /api/ {
			proxy_pass http://backend;
		}
		location = /ws {
			proxy_pass http://backend;
			proxy_next_upstream error timeout http_503;
			proxy_read_timeout 75s; # three heartbeats
			proxy_buffering off;
		}
		location / {
			return 404;
		}
	}
}
EOF
