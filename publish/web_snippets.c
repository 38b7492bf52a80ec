#include "web_snippets.h"

#include <string.h>

#define POLICY_PATH "/.well-known/mta-sts.txt"
#define HOST        MTASTS_POLICY_HOST_LABEL

enum {
  NGINX_HASHED_MAX = 46, /* bytes of a server_name that fits a bucket of 64, nginx's default */
};

/* A path in which `{host}` stands for the policy host. */
static void put_path(FILE *stream, const char *path, const char *domain) {
  static const char placeholder[] = "{host}";
  const char *at;
  while ((at = strstr(path, placeholder))) {
    fprintf(stream, "%.*s" HOST "%s", (int)(at - path), path, domain);
    path = at + strlen(placeholder);
  }
  fputs(path, stream);
}

/* BEFORE path BETWEEN path AFTER */
static void put_pair(FILE *stream, const struct mtasts_publication *publication,
                     const char *const around[3]) {
  fputs(around[0], stream);
  put_path(stream, publication->certificate, publication->domain);
  fputs(around[1], stream);
  put_path(stream, publication->key, publication->domain);
  fputs(around[2], stream);
}

/* nginx refuses to start if a name is too long for its hash table. Such a name is written as a
 * regular expression, which is in no table. */
static void put_nginx_name(FILE *stream, const char *domain) {
  if (strlen(HOST) + strlen(domain) <= NGINX_HASHED_MAX) {
    fprintf(stream, HOST "%s", domain);
    return;
  }
  fputs("~^mta-sts\\.", stream);
  for (; *domain; domain++)
    fprintf(stream, "%s%c", *domain == '.' ? "\\" : "", *domain);
  putc('$', stream);
}

void mtasts_snippet_nginx(FILE *stream, const struct mtasts_publication *publication) {
  fputs("server {\n"
        "    listen 443 ssl;\n"
        "    listen [::]:443 ssl;\n"
        "    server_name ",
        stream);
  put_nginx_name(stream, publication->domain);
  put_pair(stream, publication,
           (const char *const[3]){";\n"
                                  "    ssl_certificate ",
                                  ";\n"
                                  "    ssl_certificate_key ",
                                  ";\n"});
  fprintf(stream,
          "    ssl_verify_client off;\n"
          "    location = " POLICY_PATH " {\n"
          "        root %s;\n"
          "        auth_basic off;\n"
          "        allow all;\n"
          "        types { }\n"
          "        default_type text/plain;\n"
          "    }\n"
          "    location / {\n"
          "        return 404;\n"
          "    }\n"
          "}\n",
          publication->web_root);
}

/* What the site has set for the whole server comes after what is here, but for a Redirect: the plan
 * says so. */
void mtasts_snippet_apache(FILE *stream, const struct mtasts_publication *publication) {
  fprintf(stream,
          "<VirtualHost *:443>\n"
          "    ServerName " HOST "%s\n"
          "    SSLEngine on\n",
          publication->domain);
  put_pair(stream, publication,
           (const char *const[3]){"    SSLCertificateFile \"",
                                  "\"\n"
                                  "    SSLCertificateKeyFile \"",
                                  "\"\n"});
  fprintf(stream,
          "    SSLVerifyClient none\n"
          "    DocumentRoot \"%s\"\n"
          "    <IfModule alias_module>\n"
          "        Alias \"" POLICY_PATH "\" \"%s" POLICY_PATH "\"\n"
          "    </IfModule>\n"
          "    <IfModule rewrite_module>\n"
          "        RewriteEngine off\n"
          "    </IfModule>\n"
          "    <Directory \"%s\">\n"
          "        AllowOverride None\n"
          "        Options None\n"
          "    </Directory>\n"
          "    <Location \"/\">\n"
          "        Require all denied\n"
          "    </Location>\n"
          "    <Location \"" POLICY_PATH "\">\n"
          "        Require all granted\n"
          "        SetHandler none\n"
          "        ForceType text/plain\n"
          "        <IfModule proxy_module>\n"
          "            ProxyPass \"!\"\n"
          "        </IfModule>\n"
          "    </Location>\n"
          "</VirtualHost>\n",
          publication->web_root, publication->web_root, publication->web_root);
}

void mtasts_snippet_caddy(FILE *stream, const struct mtasts_publication *publication) {
  fprintf(stream, HOST "%s {\n", publication->domain);
  if (publication->has_certificate)
    put_pair(stream, publication, (const char *const[3]){"\ttls ", " ", "\n"});
  fprintf(stream,
          "\troot * %s\n"
          "\thandle " POLICY_PATH " {\n"
          "\t\theader Content-Type text/plain\n"
          "\t\tfile_server {\n"
          "\t\t\tdisable_canonical_uris\n"
          "\t\t}\n"
          "\t}\n"
          "\thandle {\n"
          "\t\trespond 404\n"
          "\t}\n"
          "}\n",
          publication->web_root);
}

/* What the site has set for all hosts is emptied for this one. mod_access denies the rest. The line
 * of a module that is not loaded is ignored, and the other path of the block has no files. */
void mtasts_snippet_lighttpd(FILE *stream, const struct mtasts_publication *publication) {
  fprintf(stream, "$HTTP[\"host\"] == \"" HOST "%s\" {\n", publication->domain);
  put_pair(stream, publication,
           (const char *const[3]){"    ssl.pemfile = \"",
                                  "\"\n"
                                  "    ssl.privkey = \"",
                                  "\"\n"});
  fprintf(stream,
          "    server.document-root = \"%s\"\n"
          "    mimetype.assign = ( \"\" => \"text/plain\" )\n"
          "    alias.url = ( )\n"
          "    url.redirect = ( )\n"
          "    url.rewrite-once = ( )\n"
          "    url.rewrite-if-not-file = ( )\n"
          "    proxy.server = ( )\n"
          "    $HTTP[\"url\"] != \"" POLICY_PATH "\" {\n"
          "        url.access-deny = ( \"\" )\n"
          "        server.document-root = \"%s/nothing\"\n"
          "    }\n"
          "}\n",
          publication->web_root, publication->web_root);
}
