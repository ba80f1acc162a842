# The pixel edge in Fastly VCL: custom VCL, whole. In front of it stands
# choices.vcl, behind it the tables that fastly.jq makes of the catalog.

sub vcl_recv {
#FASTLY recv
  declare local var.params STRING;
  declare local var.redir STRING;
  declare local var.id STRING;
  declare local var.key STRING;
  declare local var.token STRING;
  declare local var.form STRING;
  declare local var.code STRING;
  declare local var.us_privacy STRING;
  declare local var.host STRING;
  declare local var.hosts STRING;
  declare local var.location STRING;
  declare local var.done STRING;
  declare local var.rest STRING;
  set var.redir = "";
  set var.id = "";
  set var.key = "";
  set var.token = "";
  set var.form = "gif";
  set var.us_privacy = "";
  set var.location = "";

  # What a client sends under these names counts for nothing.
  unset req.http.Edge-Path;
  unset req.http.Edge-Location;
  unset req.http.Edge-Key;
  unset req.http.Edge-UID-Got;
  unset req.http.Edge-UID-Set;
  unset req.http.Edge-Log;
  set req.http.Edge-ID = uuid.version4();

  call choices_recv;
  if (req.url.path ~ {"/(px|sspx|imptr|clktrb?|seg|pixie)$"}) {
    set req.http.Edge-Path = re.group.1;
  } else {
    error 600;
  }
  set req.http.Edge-Log = "1";
  if (req.method == "OPTIONS" && req.http.Access-Control-Request-Method ~ {"^[!-~]"}) {
    error 607;
  }
  if (req.method != "GET" && req.method != "POST") {
    error 602;
  }

  # Of two parameters with one name the first counts; a tracker's redir takes
  # everything to the end of the query.
  set var.params = req.url.qs;
  if (req.http.Edge-Path ~ {"^(?:imptr|clktrb?)$"}) {
    if (req.url.qs ~ {"^((?:(?!redir=)[^&]*&)*)redir=(.*)$"}) {
      set var.params = re.group.1;
      set var.redir = re.group.2;
    }
  } else if (req.http.Edge-Path == "px") {
    if (req.url.qs ~ {"^(?:(?!redir(?:[=&]|$))[^&]*&)*redir=([^&]*)"}) {
      set var.redir = re.group.1;
    }
  }
  if (var.params ~ {"^(?:(?!id(?:[=&]|$))[^&]*&)*id=((?:[0-9]|%3[0-9])+)(?:&|$)"}) {
    if (urldecode(re.group.1) ~ {"^0*([1-9][0-9]{0,18})$"}) {
      set var.id = re.group.1;
    }
  }
  if (var.params ~ {"^(?:(?!t(?:[=&]|$))[^&]*&)*t=(?:1|%31)(?:&|$)"}) {
    set var.form = "script";
  }
  if (var.params ~ {"^(?:(?!token(?:[=&]|$))[^&]*&)*token=([^&]+)"}) {
    set var.token = re.group.1;
  }
  # A macro that nobody replaced is none.
  if (var.token == "" || urldecode(var.token) ~ {"^(?:\[[^\]]+\]|\$\{[^}]+\}|\{\{[^}]+\}\}|%%[^%]+%%)$"}) {
    set var.token = req.http.Edge-ID;
  }

  # Who says no gets no cookie, and none is logged.
  if (var.params ~ {"^(?:(?!us(?:_|%5[Ff])privacy(?:[=&]|$))[^&]*&)*us(?:_|%5[Ff])privacy=([^&]+)"}) {
    set var.us_privacy = urldecode(re.group.1);
  }
  if (req.http.Edge-Path != "sspx" && req.http.Sec-GPC != "1" &&
      req.http.Cookie !~ {"(?:^|[;,])[ \t]*pixledger_optout="?1"?[ \t]*(?:[;,]|$)"} &&
      (var.us_privacy !~ {"^..[Yy]"} || var.us_privacy ~ {"^(?:\[[^\]]+\]|\$\{[^}]+\}|\{\{[^}]+\}\}|%%[^%]+%%)$"})) {
    if (req.http.Cookie:uid ~ {"^[A-Za-z0-9=_-]{16,64}$"}) {
      set req.http.Edge-UID-Got = re.group.0;
    } else {
      set req.http.Edge-UID-Set = uuid.version4();
    }
  }

  # The catalog's record: t a tracker, k a click tracker, p a pixel.
  if (req.http.Edge-Path == "px") {
    if (var.id != "") {
      set var.key = "p" + var.id;
    } else if (var.params ~ {"^(?:(?!code(?:[=&]|$))[^&]*&)*code=([^&]+)"}) {
      set var.code = urldecode(re.group.1);
      if (var.params ~ {"^(?:(?!member(?:[=&]|$))[^&]*&)*member=((?:[0-9]|%3[0-9])+)(?:&|$)"}) {
        if (urldecode(re.group.1) ~ {"^0*([1-9][0-9]{0,18})$"}) {
          set var.key = table.lookup(edge_codes, re.group.1 + ":" + var.code, "");
        }
      }
    }
  } else if (var.id != "" && req.http.Edge-Path == "imptr") {
    set var.key = "t" + var.id;
  } else if (var.id != "" && req.http.Edge-Path ~ {"^clktrb?$"}) {
    set var.key = "k" + var.id;
  }

  # redir, to hosts of the advertiser's list. One that is percent-encoded as a
  # whole is decoded once: what separates, and last the percent sign.
  if (var.redir != "" && var.key != "") {
    set var.hosts = table.lookup(edge_hosts, var.key, "");
    if (var.redir !~ {"(?i)^https?://"}) {
      set var.redir = regsuball(var.redir, {"(?i)%3A"}, {":"});
      set var.redir = regsuball(var.redir, {"(?i)%2F"}, {"/"});
      set var.redir = regsuball(var.redir, {"(?i)%3F"}, {"?"});
      set var.redir = regsuball(var.redir, {"(?i)%3D"}, {"="});
      set var.redir = regsuball(var.redir, {"%26"}, {"&"});
      set var.redir = regsuball(var.redir, {"(?i)%2B"}, {"+"});
      set var.redir = regsuball(var.redir, {"(?i)%2C"}, {","});
      set var.redir = regsuball(var.redir, {"(?i)%3B"}, {";"});
      set var.redir = regsuball(var.redir, {"%40"}, {"@"});
      set var.redir = regsuball(var.redir, {"%23"}, {"#"});
      set var.redir = regsuball(var.redir, {"%25"}, {"%"});
    }
    if (var.hosts != "" && var.redir ~ {"(?i)^https?://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::[0-9]{1,5})?(?:[/?#][!-~]*)?$"}) {
      set var.host = std.tolower(re.group.1);
      if (table.contains(edge_redirect_hosts, var.hosts + " " + var.host)) {
        set var.location = var.redir;
      }
      # "*.x" is any subdomain of x, here up to five labels deep.
      set var.host = regsub(var.host, {"^[^.]+"}, {"*"});
      if (table.contains(edge_redirect_hosts, var.hosts + " " + var.host)) {
        set var.location = var.redir;
      }
      set var.host = regsub(var.host, {"^\*\.[^.]+"}, {"*"});
      if (table.contains(edge_redirect_hosts, var.hosts + " " + var.host)) {
        set var.location = var.redir;
      }
      set var.host = regsub(var.host, {"^\*\.[^.]+"}, {"*"});
      if (table.contains(edge_redirect_hosts, var.hosts + " " + var.host)) {
        set var.location = var.redir;
      }
      set var.host = regsub(var.host, {"^\*\.[^.]+"}, {"*"});
      if (table.contains(edge_redirect_hosts, var.hosts + " " + var.host)) {
        set var.location = var.redir;
      }
      set var.host = regsub(var.host, {"^\*\.[^.]+"}, {"*"});
      if (table.contains(edge_redirect_hosts, var.hosts + " " + var.host)) {
        set var.location = var.redir;
      }
    }
  }

  # A touch's token takes the place of its macro, up to three times, in what is
  # allowed already, so behind the host.
  if (var.location != "" && req.http.Edge-Path != "px") {
    set var.rest = var.location;
    set var.done = "";
    if (var.rest ~ {"^(.*?)(?:\$|%24)(?:\{|%7[Bb])SSP_DATA(?:\}|%7[Dd])(.*)$"}) {
      set var.done = var.done + re.group.1 + var.token;
      set var.rest = re.group.2;
    }
    if (var.rest ~ {"^(.*?)(?:\$|%24)(?:\{|%7[Bb])SSP_DATA(?:\}|%7[Dd])(.*)$"}) {
      set var.done = var.done + re.group.1 + var.token;
      set var.rest = re.group.2;
    }
    if (var.rest ~ {"^(.*?)(?:\$|%24)(?:\{|%7[Bb])SSP_DATA(?:\}|%7[Dd])(.*)$"}) {
      set var.done = var.done + re.group.1 + var.token;
      set var.rest = re.group.2;
    }
    set var.location = var.done + var.rest;
  }

  # The landing page in two parts, the token between them.
  if (var.location == "" && table.contains(edge_landing, var.key)) {
    set var.location = table.lookup(edge_landing, var.key, "");
    if (table.contains(edge_landing_2, var.key)) {
      set var.location = var.location + var.token + table.lookup(edge_landing_2, var.key, "");
    }
  }
  if (var.location == "" && var.form == "gif") {
    set var.location = table.lookup(edge_image, var.key, "");
  }

  if (var.location != "") {
    set req.http.Edge-Location = var.location;
    error 606;
  }
  if (req.http.Edge-Path ~ {"^clktrb?$"}) {
    error 601;
  }
  if (req.http.Edge-Path == "sspx") {
    error 605;
  }
  if (var.form == "script") {
    set req.http.Edge-Key = var.key;
    error 604;
  }
  error 603;
}

# A script of any site may ask, with cookies, and see that it was answered.
sub share {
  set obj.http.X-Content-Type-Options = "nosniff";
  set obj.http.Cross-Origin-Resource-Policy = "cross-origin";
  set obj.http.Vary = "Origin";
  if (req.http.Origin ~ {"^(?:null|[A-Za-z][A-Za-z0-9+.-]*://(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)$"}) {
    set obj.http.Access-Control-Allow-Origin = req.http.Origin;
    set obj.http.Access-Control-Allow-Credentials = "true";
  }
}

sub vcl_error {
#FASTLY error
  call choices_error;
  if (obj.status < 600 || obj.status > 607) {
    return(deliver);
  }
  set obj.http.Cache-Control = "no-store";
  if (obj.status > 600) {
    call share;
  }
  if (obj.status < 603) { # no event
    unset req.http.Edge-UID-Got;
    unset req.http.Edge-UID-Set;
  }
  if (req.http.Edge-UID-Set) {
    set obj.http.Set-Cookie = "uid=" + req.http.Edge-UID-Set + "; Path=/; Max-Age=31536000; Secure; SameSite=None";
  }
  if (obj.status == 603) {
    set obj.status = 200;
    set obj.response = "OK";
    set obj.http.Content-Type = "image/gif";
    synthetic.base64 "R0lGODlhAQABAIABAAAAAP///yH5BAEAAAEALAAAAAABAAEAAAICTAEAOw==";
  } else if (obj.status == 604) {
    set obj.status = 200;
    set obj.response = "OK";
    set obj.http.Content-Type = "application/javascript";
    synthetic table.lookup(edge_script, req.http.Edge-Key, "void 0;%0A");
  } else if (obj.status == 605) {
    set obj.status = 204;
    set obj.response = "No Content";
    synthetic "";
  } else if (obj.status == 606) {
    set obj.status = 302;
    set obj.response = "Found";
    set obj.http.Location = req.http.Edge-Location;
    synthetic "";
  } else if (obj.status == 607) {
    set obj.status = 204;
    set obj.response = "No Content";
    set obj.http.Access-Control-Allow-Methods = "GET, POST";
    if (req.http.Access-Control-Request-Headers ~ {"^[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1000}$"}) {
      set obj.http.Access-Control-Allow-Headers = req.http.Access-Control-Request-Headers;
    }
    set obj.http.Access-Control-Max-Age = "86400";
    synthetic "";
  } else if (obj.status == 602) {
    set obj.status = 405;
    set obj.response = "Method Not Allowed";
    set obj.http.Allow = "GET, POST";
    synthetic "";
  } else {
    set obj.status = 404;
    set obj.response = "Not Found";
    synthetic "";
  }
  return(deliver);
}
