divert(-1)
dnl mtasts.m4: MTA-STS (RFC 8461) for Sendmail, by the policies that mtastsd knows.
dnl
dnl	FEATURE(`mtasts', `unix:/run/mtasts/socketmap.sock')
dnl
dnl The argument is the address where mtastsd listens; the default is inet:8461@127.0.0.1.
dnl README.md explains how to install it. It replaces FEATURE(`sts'), and like that feature it
dnl needs a sendmail with _FFR_MTA_STS, _FFR_TLS_ALTNAMES, SOCKETMAP and MAP_REGEX.
dnl
dnl With StrictTransportSecurity, Sendmail gives {rcpt_addr} to rulesets, and writes the names
dnl of a server's certificate into the class {cert_altnames}.  These rulesets do the rest:
dnl
dnl	tls_clt_features  before STARTTLS, by the first recipient: ask for the right certificate
dnl	Local_tls_server  after it, by the first recipient: is it TLS with this host?
dnl	Local_tls_rcpt    before each RCPT: the same, and does the policy list this host?
dnl
dnl A failure of TLS is an error of tls_server, because errors there are always temporary.  In tls_rcpt
dnl Sendmail makes them permanent if an earlier recipient of the message failed for good.
dnl But an error of tls_server refuses the host for mail to all domains.  So tls_rcpt checks whether the
dnl policy lists the host: a policy that omits an MX host then delays no mail to other domains of that host.

define(`_NEED_MACRO_MAP_', `1')
define(`_NEED_TLS_CLT_FEATURES')
define(`_LOCAL_TLS_SERVER_')
define(`_LOCAL_TLS_RCPT_')
dnl {cert_altnames} is that of the last handshake: a reused connection would have the names of
dnl another one.
define(`confMCI_CACHE_SIZE', `0')
m4wrap(`ifdef(`_MTA_STS_', `errprint(`*** ERROR: FEATURE(mtasts) stands in the place of FEATURE(sts): take one of them
')')')

LOCAL_CONFIG
# MTA-STS by mtastsd
O StrictTransportSecurity=true
O SetCertAltnames=true
Ksts socket -d5 -T<TMPF> ifelse(defn(`_ARG_'), `', `inet:8461@127.0.0.1', `defn(`_ARG_')')
Kmtasts_first regex -s1 ^match=(.*)$
# the values of {verify} if there is TLS
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

# If Sendmail cannot apply a rule, it goes on. So only ok permits the delivery.
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
###	Returns: policy domain $| :mx:mx: if a policy is to be enforced (.name
###		is *.name), or none, tempfail, or another level of TLS
######################################################################
Smtasts_policy
# {rcpt_addr} is empty if clt_features or DANE exempt this server
R$*			$: $1 <$&{rcpt_addr}>
R$* <>			$@ - $| none
R$* <$+>		$: $1
R$* @ $+		$2
R$+ .			$1
# If the site routes mail to a host of its choice, the policy is that of the host (section 3.4). $h is
# the host of the first recipient: the others may be in other domains with the same MX hosts.
R$+			$: <$&h> $1
R<$+ .> $+		$: <$1> $2
R<$*> $+		$: $2 $(macro {mtasts_hop} $@ $1 $)
R$&{mtasts_hop}		$: $&{mtasts_hop} $(macro {mtasts_mx} $@ $&{mtasts_hop} $)
R$+			$: $1 <$&{mtasts_mx}>
R$+ <$&{mtasts_hop}>	$: $1
R$+ <$*>		$: $&{mtasts_hop}
# mtastsd is asked once for each message.
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
# Any other reply requires TLS without authentication.
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
dnl Sendmail's own ruleset of that name, with the settings of the site, gets another name; ours calls it.
define(`Stls_clt_features', `Smtasts_site_features')
