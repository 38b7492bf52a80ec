/*
 * noop_milter: a milter that takes part in the same steps of a session as mtasts-milter, and does
 * nothing in them. mtasts-milter is measured against it.
 *
 *   noop_milter SOCKET      unix:/path, or inet:PORT@ADDRESS
 */
#include <libmilter/mfapi.h>
#include <stdio.h>

#define NO_REPLIES (SMFIP_NR_CONN | SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_HDR)
#define NO_STEPS   (SMFIP_NOHELO | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN | SMFIP_NODATA)

static sfsistat on_negotiate(SMFICTX *context, unsigned long actions, unsigned long steps,
                             unsigned long reserved2, unsigned long reserved3,
                             unsigned long *my_actions, unsigned long *my_steps,
                             unsigned long *my_reserved2, unsigned long *my_reserved3) {
  (void)context;
  (void)reserved2;
  (void)reserved3;
  *my_actions = actions & (SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE);
  *my_steps = steps & (NO_STEPS | NO_REPLIES);
  *my_reserved2 = *my_reserved3 = 0;
  return (steps & NO_REPLIES) == NO_REPLIES ? SMFIS_CONTINUE : SMFIS_REJECT;
}

static sfsistat on_connect(SMFICTX *context, char *host, _SOCK_ADDR *address) {
  (void)context;
  (void)host;
  (void)address;
  return SMFIS_NOREPLY;
}

static sfsistat on_path(SMFICTX *context, char **arguments) {
  (void)context;
  (void)arguments;
  return SMFIS_NOREPLY;
}

static sfsistat on_header(SMFICTX *context, char *field, char *value) {
  (void)context;
  (void)field;
  (void)value;
  return SMFIS_NOREPLY;
}

static sfsistat on_end(SMFICTX *context) {
  (void)context;
  return SMFIS_CONTINUE;
}

int main(int argc, char **argv) {
  static char name[] = "noop";
  const struct smfiDesc description = {
      .xxfi_name = name,
      .xxfi_version = SMFI_VERSION,
      .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_QUARANTINE,
      .xxfi_connect = on_connect,
      .xxfi_envfrom = on_path,
      .xxfi_envrcpt = on_path,
      .xxfi_header = on_header,
      .xxfi_eom = on_end,
      .xxfi_negotiate = on_negotiate,
  };
  if (argc != 2) {
    fputs("usage: noop_milter SOCKET\n", stderr);
    return 64;
  }
  if (smfi_register(description) != MI_SUCCESS || smfi_setconn(argv[1]) != MI_SUCCESS ||
      smfi_setbacklog(1024) != MI_SUCCESS || smfi_opensocket(true) != MI_SUCCESS) {
    fprintf(stderr, "noop_milter: cannot listen at %s\n", argv[1]);
    return 69;
  }
  return smfi_main() == MI_SUCCESS ? 0 : 70;
}
