# make install DESTDIR= PREFIX=/usr/local
BINDIR  := $(PREFIX)/bin
LIBDIR  := $(PREFIX)/lib
INCDIR  := $(PREFIX)/include
MANDIR  := $(PREFIX)/share/man
DOCDIR  := $(PREFIX)/share/doc/mtasts
MANUALS := $(wildcard man/*.[1-8])

.PHONY: install uninstall
install: all ## install into $(DESTDIR)$(PREFIX)
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBDIR)/pkgconfig $(INCDIR) $(DOCDIR))
	install -m 755 $(PROGRAMS) $(DESTDIR)$(BINDIR)
	install -m 644 $(O)/libmtasts.a $(DESTDIR)$(LIBDIR)
	install -m 755 $(O)/libmtasts.so $(DESTDIR)$(LIBDIR)/libmtasts.so.$(VERSION)
	ln -sf libmtasts.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libmtasts.so.0
	ln -sf libmtasts.so.0 $(DESTDIR)$(LIBDIR)/libmtasts.so
	install -m 644 include/mtasts.h $(DESTDIR)$(INCDIR)
	sed 's,@PREFIX@,$(PREFIX),;s,@VERSION@,$(VERSION),' contrib/mtasts.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/mtasts.pc
	for page in $(MANUALS); do \
	  install -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
	install -m 644 README.md CHANGES LICENSE contrib/mtasts.conf $(DESTDIR)$(DOCDIR)

uninstall: ## remove what install put there
	rm -f $(patsubst $(O)/%,$(DESTDIR)$(BINDIR)/%,$(PROGRAMS))
	rm -f $(addprefix $(DESTDIR)$(LIBDIR)/,libmtasts.a libmtasts.so libmtasts.so.0 libmtasts.so.$(VERSION) pkgconfig/mtasts.pc)
	rm -f $(DESTDIR)$(INCDIR)/mtasts.h
	for page in $(MANUALS); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
	rm -rf $(DESTDIR)$(DOCDIR)
