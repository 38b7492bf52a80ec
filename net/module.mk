# The only code that talks to the Internet.
net_USES := check engine cache common
net_PKGS := libunbound libevent_core libcurl openssl
