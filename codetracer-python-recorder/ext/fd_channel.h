/* A channel: what takes the place of a file descriptor that output goes to. See fd_channel.c. */
#ifndef CT_FD_CHANNEL_H
#define CT_FD_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fd_channel fd_channel;

/* `original`: the place, of which the forwarder gets a duplicate. *end: a new descriptor to be put in its place, or -1 with *what and errno.
 * `folder`: where the log may lie. */
fd_channel *fd_channel_open(int original, const char *forwarder, const char *folder, int *end, const char **what);
void fd_channel_close(fd_channel *channel);      /* the forwarder goes on until nobody can write any more, and logs nothing more */
void fd_channel_leave(fd_channel *channel);      /* in a forked child: closes the descriptors, touches nothing else */

int fd_duplicate_high(int descriptor); /* where a program does not expect its next one; -1 with errno */

bool fd_channel_is(const fd_channel *channel, int descriptor); /* this descriptor leads into the channel */
bool fd_channel_has_logged(const fd_channel *channel);  /* bytes that were not taken yet: one load */
bool fd_channel_in_flight(const fd_channel *channel);   /* bytes that are neither logged nor passed: a system call */
/* Waits, for a short time at most, until what was written before is in the log. */
void fd_channel_wait_logged(fd_channel *channel);
/* Waits until what was written before has been handed on. False: a signal came. */
bool fd_channel_wait_forwarded(fd_channel *channel);
/* The next bytes of the log, at most `room` of them; 0: no more now. */
size_t fd_channel_take(fd_channel *channel, char *bytes, size_t room);
void fd_channel_skip(fd_channel *channel);               /* what is in the log and was not taken is left out */
void fd_channel_set_quiet(fd_channel *channel, bool quiet);
uint64_t fd_channel_lost(const fd_channel *channel);

#endif
