divert(-1)
dnl mtasts.m4: MTA-STS (RFC 8461) for Sendmail, by the policies that mtastsd knows.
dnl
dnl	FEATURE(`mtasts', `unix:/run/mtasts/socketmap.sock')
dnl
dnl The argument is where mtastsd listens for it, inet:8461@127.0.0.1 where there is none.
dnl README.md tells how to install it. It stands in the place of FEATURE(`sts'), and as that one
dnl needs a sendmail with _FFR_MTA_STS, _FFR_TLS_ALTNAMES, SOCKETMAP and MAP_REGEX.
dnl
dnl Sendmail gives {rcpt_addr} to rulesets where StrictTransportSecurity is on, and takes the names
dnl of a server's certificate down in the class {cert_altnames}.  The rest is here:
dnl
dnl	tls_clt_features  before STARTTLS, by the first recipient: ask for the right certificate
dnl	Local_tls_server  after it, by the first recipient: is it TLS with this host?
dnl	Local_tls_rcpt    before each RCPT: the same, and does the policy list this host?
dnl
dnl What is wrong with TLS is said in tls_server, since an error there is always a temporary one:
dnl in tls_rcpt Sendmail makes it permanent where an earlier recipient of the message failed for good.
dnl But tls_server refuses the host, to whatever domain the mail is for.  So that a domain whose policy
dnl forgets an MX host holds up nobody else who uses that one, the list is for tls_rcpt.

define(`_NEED_MACRO_MAP_', `1')
define(`_NEED_TLS_CLT_FEATURES')
define(`_LOCAL_TLS_SERVER_')
define(`_LOCAL_TLS_RCPT_')
dnl {cert_altnames} is that of the last handshake: a connection that is used again has the names of
dnl another.
define(`confMCI_CACHE_SIZE', `0')
m4wrap(`ifdef(`_MTA_STS_', `errprint(`*** ERROR: FEATURE(mtasts) stands in the place of FEATURE(sts): take one of them
')')')

LOCAL_CONFIG
# MTA-STS by mtastsd
O StrictTransportSecurity=true
O SetCertAltnames=true
Ksts socket -d5 -T<TMPF> ifelse(defn(`_ARG_'), `', `inet:8461@127.0.0.1', `defn(`_ARG_')')
Kmtasts_first regex -s1 ^match=(.*)$
# {verify} where there is TLS
C{mtasts_tls}OK TRUSTED FAIL NO NOT

LOCAL_RULESETS
######################################################################
###  tls_clt_features: ask for the certificate of the MX host (RFC 8461
###	section 7.1), and do not go on in clear text
######################################################################
Stls_clt_features
R$*			$: <$1> $>mtasts_policy $&{rcpt_addr}
R<$*> $* $| : $+	$: secure $>mtasts_site_features $1
Rsecure ""		$@ servername=hostname; sts=secure;
Rsecure $*		$@ servername=hostname; sts=secure; $1
R<$*> $*		$@ $>mtasts_site_features $1

# Sendmail goes on where a rule cannot be worked out, so nothing but ok will do.
SLocal_tls_server
R$*			$: $1 $| $>mtasts_policy $&{rcpt_addr}
R$* $| $*		$: $1 $| $>mtasts_tls $2
R$* $| ok		$: $1
R$* $| $#$*		$#$2
R$* $| $*		$#error $@ 4.7.0 $: "450 MTA-STS: no decision on " $&{rcpt_addr} ", whose policy may be too long for Sendmail"

SLocal_tls_rcpt
R$*			$: $1 $| $>mtasts_rcpt $1
R$* $| ok		$: $1
R$* $| $#$*		$#$2
R$* $| $*		$#error $@ 4.7.0 $: "450 MTA-STS: no decision on " $1 ", whose policy may be too long for Sendmail"

######################################################################
###  mtasts_policy: what does mtastsd say?
###
###	Parameter: recipient
###	Returns: policy domain $| :mx:mx: where a policy is to be enforced (.name
###		is *.name), or none, tempfail, or another level of TLS
######################################################################
Smtasts_policy
# {rcpt_addr} is empty where clt_features or DANE leave this server out
R$*			$: $1 <$&{rcpt_addr}>
R$* <>			$@ - $| none
R$* <$+>		$: $1
R$* @ $+		$2
R$+ .			$1
# Where mail goes to a host of our own choice, the policy is that of the host (section 3.4). $h is
# the host of the first recipient: the others may be in other domains with the same MX hosts.
R$+			$: <$&h> $1
R<$+ .> $+		$: <$1> $2
R<$*> $+		$: $2 $(macro {mtasts_hop} $@ $1 $)
R$&{mtasts_hop}		$: $&{mtasts_hop} $(macro {mtasts_mx} $@ $&{mtasts_hop} $)
R$+			$: $1 <$&{mtasts_mx}>
R$+ <$&{mtasts_hop}>	$: $1
R$+ <$*>		$: $&{mtasts_hop}
# It is asked once in a message.
R$&{mtasts_domain}	$@ $&{mtasts_domain} $| $&{mtasts_answer}
R$+			$: $1 $| $(sts $1 $: none $)
R$+ $| $* <TMPF>	$: $1 $| tempfail
# secure match=mx:mx servername=hostname, of which a map of class regex would return 255 bytes.
R$+ $| secure $- $* servername=hostname	$: $1 $| : $(mtasts_first $2 $: ? $) $3 :
R$+ $| secure $*	$: $1 $| : ? :
R$+ $| $+		$@ $1 $| $2 $(macro {mtasts_domain} $@ $1 $) $(macro {mtasts_answer} $@ $2 $)

######################################################################
###  mtasts_tls: is the connection what the policy asks for? (section 4.2)
###
###	Parameter: what mtasts_policy returns
###	Returns: ok, or an error
######################################################################
Smtasts_tls
R$+ $| none		$@ ok
R$+ $| tempfail		$#error $@ 4.7.0 $: "450 MTA-STS: mtastsd has no answer on the policy of " $1 "; see: mtasts query " $1
R$+ $| : ? $*		$#error $@ 4.7.0 $: "450 MTA-STS: Sendmail does not understand the policy of " $1 "; see: mtasts query " $1
R$+ $| : $+		$: $1 $| $&{verify} $| $&{server_name}
R$+ $| NONE $| $+	$#error $@ 4.7.0 $: "450 MTA-STS: " $2 " does no STARTTLS; see: mtasts query " $1
R$+ $| OK $| $={cert_altnames}	$@ ok
# A wildcard stands for one label, and there is none for a whole top-level domain.
R$+ $| OK $| $-.$-.$+	$: $1 $| OK $| *.$3.$4
R$+ $| OK $| $={cert_altnames}	$@ ok
R$+ $| OK $| $+		$#error $@ 4.7.0 $: "450 MTA-STS: the certificate of " $&{server_name} " has another name; see: mtasts query " $1
R$+ $| $* $| $+		$#error $@ 4.7.0 $: "450 MTA-STS: TLS with " $3 " is not verified (" $2 "); see: mtasts query " $1
# What else mtastsd may ask for is TLS with anybody.
R$+ $| $*		$: $1 $| $&{verify}
R$+ $| $={mtasts_tls}	$@ ok
R$+ $| $*		$#error $@ 4.7.0 $: "450 MTA-STS: no TLS with " $&{server_name} "; see: mtasts query " $1

######################################################################
###  mtasts_rcpt: may mail for this recipient go to this host? (section 4.1)
###
###	Parameter: recipient
###	Returns: ok, or an error
######################################################################
Smtasts_rcpt
R$*			$: $>mtasts_policy $1
R$*			$: <$1> $>mtasts_tls $1
R<$*> $#$*		$#$2
R<$+ $| : $+> ok	$: $1 $| : $2 $| $&{server_name}
R<$+> ok		$@ ok
R$+ $| $* : $&{server_name} : $* $| $+	$@ ok
R$+ $| $* $| $-.$+	$: $1 $| $2 $(macro {mtasts_above} $@ .$4 $)
R$+ $| $* : $&{mtasts_above} : $*	$@ ok
R$+ $| $*		$#error $@ 4.7.0 $: "450 MTA-STS: the policy of " $1 " does not list " $&{server_name} "; see: mtasts query " $1

divert(-1)
dnl Sendmail's own ruleset of that name, which says what the site wants, is now for ours to call.
define(`Stls_clt_features', `Smtasts_site_features')
