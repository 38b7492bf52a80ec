/*
 * web_snippets.h: what a web server is configured with to serve one policy. Pure.
 *
 * Each snippet serves the policy at its URL as text/plain, whatever types the site has set, and
 * answers every other path of the policy host with 403 or 404. Snippets of many domains can be
 * included in one server. The values must have passed validate.h: nothing is escaped here.
 *
 * Errors of the stream are the caller's to see.
 */
#ifndef MTASTS_PUBLISH_WEB_SNIPPETS_H
#define MTASTS_PUBLISH_WEB_SNIPPETS_H

#include <stdio.h>

#include "publication.h"

/* A server block, for http{}. */
void mtasts_snippet_nginx(FILE *stream, const struct mtasts_publication *publication);

/* A virtual host. The site has `Listen 443` and mod_ssl. */
void mtasts_snippet_apache(FILE *stream, const struct mtasts_publication *publication);

/* A site block. Caddy gets the certificate itself, unless one was given. */
void mtasts_snippet_caddy(FILE *stream, const struct mtasts_publication *publication);

/* A block for the host. The site has the socket with TLS. */
void mtasts_snippet_lighttpd(FILE *stream, const struct mtasts_publication *publication);

#endif
