# The store on disk.
cache_USES := engine
cache_PKGS := lmdb
