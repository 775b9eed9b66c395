/* linnet admin create-user. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "bin/commands.h"
#include "bin/process.h"

int command_admin(int argc, char **argv)
{
	fprintf(stderr, "linnet: admin: not there yet\n");
	return 1;
}
