# shellcheck shell=bash
# cached_domains N: domain-000000.mail.example.com and so on, N of them, each with a policy that has just
# been fetched, as `mtasts cache import` takes them.
cached_domains() {
  local line
  at() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ; }
  line='{"policy_domain":"domain-%06.0f.mail.example.com","state":"policy","id":"20260101T000000",
"mode":"enforce","max_age":604800,"mx":["mx1.mail.example.com","*.mail.example.com"],
"fetched":"'$(at now)'","expires":"'$(at '7 days')'","checked":"'$(at now)'","next_check":"'$(at '6 hours')'",
"record":"valid","record_id":"20260101T000000","mx_state":"listed","mx_expires":"'$(at '6 hours')'",
"mx_hosts":[{"host":"mx1.mail.example.com","preference":10,"dane":"none"}]}'
  seq -f "${line//$'\n'/}" 0 $(($1 - 1))
}
