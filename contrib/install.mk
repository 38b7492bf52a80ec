# make install DESTDIR= PREFIX=/usr/local
BINDIR   := $(PREFIX)/bin
SBINDIR  := $(PREFIX)/sbin
LIBDIR   := $(PREFIX)/lib
INCDIR   := $(PREFIX)/include
MANDIR   := $(PREFIX)/share/man
DOCDIR   := $(PREFIX)/share/doc/mtasts
EXIMDIR  := $(PREFIX)/share/mtasts/exim
SMDIR    := $(PREFIX)/share/mtasts/sendmail
UNITDIR  := $(LIBDIR)/systemd/system
# Programs for users, and for the system.
TOOLS    := $(filter %/mtasts,$(PROGRAMS))
DAEMONS  := $(filter-out $(TOOLS),$(PROGRAMS))
MANUALS  := $(wildcard man/*.[1-8])
UNITS_SD := $(wildcard contrib/systemd/*.service contrib/systemd/*.socket contrib/systemd/*.timer)
EXIM     := $(wildcard contrib/exim/*.conf)
EXAMPLES := $(wildcard contrib/prometheus/* contrib/grafana/* contrib/nagios/* contrib/caddy/*)
filled   = sed 's,@PREFIX@,$(PREFIX),g;s,@VERSION@,$(VERSION),g'

.PHONY: install uninstall
install: all ## install into $(DESTDIR)$(PREFIX)
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(SBINDIR) $(LIBDIR)/pkgconfig $(LIBDIR)/mtasts $(INCDIR) \
	  $(DOCDIR) $(EXIMDIR) $(SMDIR) $(UNITDIR) $(LIBDIR)/sysusers.d $(LIBDIR)/tmpfiles.d)
	install -m 755 $(TOOLS) $(DESTDIR)$(BINDIR)
	$(if $(DAEMONS),install -m 755 $(DAEMONS) $(DESTDIR)$(SBINDIR))
	$(if $(PLUGINS),install -m 644 $(PLUGINS) $(DESTDIR)$(LIBDIR)/mtasts)
	install -m 644 $(O)/libmtasts.a $(DESTDIR)$(LIBDIR)
	install -m 755 $(O)/libmtasts.so $(DESTDIR)$(LIBDIR)/libmtasts.so.$(VERSION)
	ln -sf libmtasts.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libmtasts.so.0
	ln -sf libmtasts.so.0 $(DESTDIR)$(LIBDIR)/libmtasts.so
	install -m 644 include/mtasts.h $(DESTDIR)$(INCDIR)
	$(filled) contrib/mtasts.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/mtasts.pc
	for page in $(MANUALS); do \
	  install -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
	for file in $(EXIM); do sed "s,/usr/local/lib/mtasts,$(LIBDIR)/mtasts,g" $$file >$(DESTDIR)$(EXIMDIR)/$${file##*/}; done
	install -m 644 contrib/sendmail/mtasts.m4 $(DESTDIR)$(SMDIR)
	for unit in $(UNITS_SD); do $(filled) $$unit >$(DESTDIR)$(UNITDIR)/$${unit##*/}; done
	install -m 644 contrib/sysusers/mtasts.conf $(DESTDIR)$(LIBDIR)/sysusers.d
	install -m 644 contrib/tmpfiles/mtasts.conf $(DESTDIR)$(LIBDIR)/tmpfiles.d
	install -m 644 README.md CHANGES LICENSE contrib/mtasts.conf $(DESTDIR)$(DOCDIR)
	for file in $(EXAMPLES); do install -D -m 644 $$file $(DESTDIR)$(DOCDIR)/$${file#contrib/}; done
	@[ -n "$(DESTDIR)" ] || [ -e /usr/share/dns/root.key ] || \
	  echo 'install: the root keys of DNSSEC are missing, and DANE with them: apt install dns-root-data'

uninstall: ## remove what install put there
	rm -f $(patsubst $(O)/%,$(DESTDIR)$(BINDIR)/%,$(TOOLS)) $(patsubst $(O)/%,$(DESTDIR)$(SBINDIR)/%,$(DAEMONS))
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libmtasts.a libmtasts.so libmtasts.so.0 libmtasts.so.$(VERSION) \
	  pkgconfig/mtasts.pc sysusers.d/mtasts.conf tmpfiles.d/mtasts.conf)
	rm -f $(DESTDIR)$(INCDIR)/mtasts.h
	for page in $(MANUALS); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
	rm -f $(patsubst contrib/systemd/%,$(DESTDIR)$(UNITDIR)/%,$(UNITS_SD))
	rm -rf $(addprefix $(DESTDIR),$(DOCDIR) $(LIBDIR)/mtasts $(PREFIX)/share/mtasts)
