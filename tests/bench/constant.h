/*
 * constant.h: the yardstick of the benches: a server on plain libevent events that sends the same
 * bytes as a reply to every request. Requests that come together are answered together.
 */
#ifndef CONSTANT_H
#define CONSTANT_H

#include <sys/types.h>
#include <sys/un.h>

struct sockaddr_un constant_address(const char *path);

/* Forks it off, listening at path; it dies with its parent. */
pid_t constant_start(const char *path, const char *reply, size_t reply_size);

#endif
