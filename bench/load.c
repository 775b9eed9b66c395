/* The load generator: `load fanout|idle|sends|comeback|heads|search|cold|storm|channels|history OPTIONS`, each printing
 * one line of JSON a result. Traffic goes to 127.0.0.1 only; every loop is bounded in count and time. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "channels.h"
#include "cold.h"
#include "comeback.h"
#include "fanout.h"
#include "heads.h"
#include "history.h"
#include "idle.h"
#include "options.h"
#include "searches.h"
#include "sends.h"
#include "storm.h"

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(const struct options *o);
	} commands[] = { { "fanout", fanout_run },     { "idle", idle_run },   { "sends", sends_run },
					 { "comeback", comeback_run }, { "heads", heads_run }, { "channels", channels_run },
					 { "search", searches_run },   { "cold", cold_run },   { "storm", storm_run },
					 { "history", history_run } };
	struct options o;
	signal(SIGPIPE, SIG_IGN);
	log_setup(LOG_WARN, "load", "");
	for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(argv[1], commands[i].name) != 0) continue;
		options_read(&o, argc - 2, argv + 2);
		if (!o.port) fail("--port is missing");
		commands[i].run(&o);
		return 0;
	}
	printf("load fanout|idle|sends|comeback|heads|search|cold|storm|channels|history OPTIONS\n");
	options_help();
	return argc > 1 && !strcmp(argv[1], "--help") ? 0 : 2;
}
