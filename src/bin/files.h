/* Files that are whole or not there. errno says why something failed. */
#ifndef LINNET_BIN_FILES_H
#define LINNET_BIN_FILES_H
#include <stdbool.h>
#include <stddef.h>

#define FILES_PATH 4096

bool file_write(int fd, const char *p, size_t n); /* all of it */
bool file_copy(const char *from, const char *to); /* a new file, 0600, on disk; removed if it fails */
bool file_sync(const char *path);
bool dir_sync(const char *path);
bool file_rename(const char *from, const char *to);  /* a file or directory; on disk. Never over another */
bool file_replace(const char *from, const char *to); /* a file, over whatever is there; on disk */
#endif
