/*
 * namespace.h: a network of the test's own, in which ports 443 and 53 are free and no packet leaves
 * the machine.
 */
#ifndef TEST_NAMESPACE_H
#define TEST_NAMESPACE_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* An address of lo that counts as globally routable. */
#define GLOBAL_ADDRESS "9.9.9.9"

/* Sets an address of an interface, which brings it up. */
static bool namespace_address(int fd, const char *interface, const char *address) {
  struct ifreq request = {.ifr_flags = IFF_UP};
  struct sockaddr_in ipv4 = {.sin_family = AF_INET};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
  inet_pton(AF_INET, address, &ipv4.sin_addr);
  memcpy(&request.ifr_addr, &ipv4, sizeof ipv4);
  if (ioctl(fd, SIOCSIFADDR, &request) != 0)
    return false;
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

/* Adds fe80::53 to an interface, which is up, and waits until the kernel lets it be used. */
__attribute__((unused)) static bool namespace_link_local(const char *interface) {
  struct {
    struct in6_addr address;
    uint32_t prefix;
    int index;
  } request = {.prefix = 64, .index = (int)if_nametoindex(interface)};
  int fd = socket(AF_INET6, SOCK_DGRAM, 0);
  inet_pton(AF_INET6, "fe80::53", &request.address);
  bool usable = false;
  struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                 .sin6_addr = request.address,
                                 .sin6_scope_id = (uint32_t)request.index};
  bool added = ioctl(fd, SIOCSIFADDR, &request) == 0;
  for (int i = 0; added && !usable && i < 100; i++) {
    usable = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    usleep(usable ? 0 : 20000);
  }
  close(fd);
  return usable;
}

/* Adds an IPv6 address to lo, if it is not there, and waits until it can be used. */
__attribute__((unused)) static bool namespace_ipv6(const char *address) {
  struct in6_ifreq request = {.ifr6_prefixlen = 128, .ifr6_ifindex = (int)if_nametoindex("lo")};
  struct sockaddr_in6 name = {.sin6_family = AF_INET6};
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  inet_pton(AF_INET6, address, &request.ifr6_addr);
  name.sin6_addr = request.ifr6_addr;
  bool added = fd >= 0 && (ioctl(fd, SIOCSIFADDR, &request) == 0 || errno == EEXIST);
  bool ok = false;
  for (int i = 0; added && !ok && i < 500; i++) {
    ok = bind(fd, (struct sockaddr *)&name, sizeof name) == 0;
    if (!ok)
      usleep(10000);
  }
  if (!ok)
    perror("*** network namespace: IPv6 on lo");
  close(fd);
  return ok;
}

/* Enters it once per process. If that is not permitted, prints what is missing and returns false.
 */
static bool namespace_enter(void) {
  static bool entered;
  if (entered)
    return true;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0 && unshare(CLONE_NEWNET) != 0) {
    printf("\n*** This test needs a network namespace of its own, and may not make one. ***\n"
           "*** Docker: --cap-add SYS_ADMIN --security-opt seccomp=unconfined; Debian: sysctl\n"
           "*** kernel.unprivileged_userns_clone=1\n");
    return false;
  }
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  entered =
      namespace_address(fd, "lo", "127.0.0.1") && namespace_address(fd, "lo:1", GLOBAL_ADDRESS);
  close(fd);
  if (!entered)
    perror("*** network namespace: lo");
  return entered;
}

#endif
