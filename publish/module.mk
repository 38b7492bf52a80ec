# What a domain publishes: policy, DNS lines, snippets for web servers and a plan, as texts.
publish_USES := engine cache common
