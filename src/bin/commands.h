/* What can be typed behind `linnet`, a row each in linnet.c. */
#ifndef LINNET_BIN_COMMANDS_H
#define LINNET_BIN_COMMANDS_H

/* argv without program and command. Returns the exit status: 0 fine, 1 failed (said why), 2 wrongly called. */
int command_serve(int argc, char **argv);
int command_backend(int argc, char **argv);
int command_config(int argc, char **argv);
int command_migrate(int argc, char **argv);
int command_admin(int argc, char **argv);
void admin_help(void); /* its own commands, a paragraph each */
int command_version(int argc, char **argv);
int command_help(int argc, char **argv);
#endif
