//! What is a fragment, and above all what is none, though it speaks of servers and locations.

use super::*;

fn kind(name: &str, text: &str) -> Kind {
    what_is(Path::new("/w/x").join(name).as_path(), text.as_bytes()).kind
}

#[test]
fn parts_of_configurations_are_fragments_whatever_they_are_called() {
    use Server::{Apache, Nginx};
    for (name, text, server, context) in [
        (
            "default",
            "# the site\nserver {\n  listen 80;\n  root /srv;\n  location / { try_files $uri =404; }\n}\n",
            Nginx,
            "http",
        ),
        ("chat", "upstream chat { server 10.0.0.5:3000; }\n", Nginx, "http"),
        ("ws.inc", "location /ws {\n    proxy_pass http://chat;\n}\n", Nginx, "server"),
        ("headers", "proxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\n", Nginx, "location"),
        ("upgrade.conf", "map $http_upgrade $up {\n  default upgrade;\n  '' close;\n}\n", Nginx, "http"),
        (
            "modules.conf",
            "more_set_headers \"X: y\";\nserver {\n brotli on;\n location / { foo_bar baz; proxy_pass http://a; }\n}\n",
            Nginx,
            "http",
        ),
        (
            "broken.conf",
            "server {\n  listen 80;\n  location /ws { proxy_pass http://a }\n  location / { root /srv; }\n}\n",
            Nginx,
            "http",
        ),
        (
            "one-too-many",
            "server {\n  listen 80;\n  location / { proxy_pass http://a; }\n}\n}\n",
            Nginx,
            "http",
        ),
        (
            "lua.conf",
            "server {\n listen 80;\n location /x {\n  access_by_lua_block {\n    local t = {}\n    if t then ngx.exit(1) end\n  }\n  \
             proxy_pass http://a;\n }\n}\n",
            Nginx,
            "http",
        ),
        (
            "site.j2",
            "{% for s in sites %}\nserver {\n  listen {{ s.port }};\n  server_name {{ s.name }};\n{% if s.ws %}\n  location /ws { \
             proxy_pass http://{{ s.backend }}; }\n{% endif %}\n}\n{% endfor %}\n",
            Nginx,
            "http",
        ),
        (
            "site.erb",
            "<% @sites.each do |site| %>\nserver {\n  listen <%= site.port %>;\n  location / { proxy_pass <%= site.url %>; }\n}\n<% end %>\n",
            Nginx,
            "http",
        ),
        (
            "vhost.tmpl",
            "{{ range .Hosts }}\n<VirtualHost *:80>\n  ServerName {{ .Name }}\n  ProxyPass / http://{{ .Backend }}/\n</VirtualHost>\n{{ end }}\n",
            Apache,
            "server config",
        ),
        (
            "a.vhost",
            "<VirtualHost *:80>\n  ServerName a\n  DocumentRoot /srv\n</VirtualHost>\n",
            Apache,
            "server config",
        ),
        (
            "ws",
            "ProxyPass /ws ws://127.0.0.1:9/\nProxyPassReverse /ws ws://127.0.0.1:9/\n",
            Apache,
            "server config",
        ),
        (
            "rewrite",
            "RewriteEngine on\nRewriteCond %{HTTP:Upgrade} websocket [NC]\nRewriteRule ^/(.*) \"ws://a/$1\" [P,L]\n",
            Apache,
            "server config",
        ),
        ("lower", "<virtualhost *:80>\nproxypass / http://a/\n</virtualhost>\n", Apache, "server config"),
        (".htaccess", "RewriteEngine on\nRewriteRule ^ws ws://a/ [P]\n", Apache, "directory"),
    ] {
        assert_eq!(kind(name, text), Kind::Fragment(server, context), "{name}");
    }
}

/// Something of each kind that only looks like a configuration, or quotes one.
const OTHERS: [(&str, &str); 40] = [
    ("empty", ""),
    ("comment", "# server { listen 80; location / { proxy_pass http://a; } }\n"),
    ("mime.types", "types {\n    text/html html;\n}\n"),
    ("ssl.conf", "ssl_protocols TLSv1.2;\nssl_ciphers HIGH;\n"),
    (".htaccess", "RewriteEngine on\nRewriteRule ^(.*)$ index.php?q=$1 [L,QSA]\n"),
    (
        "setup",
        "#!/bin/sh\ncat > /etc/nginx/a <<'EOF'\nserver {\n  listen 80;\n  location / { proxy_pass http://a; }\n}\nEOF\n",
    ),
    (
        "functions",
        "install_site() {\n  cat <<EOF\nserver {\n  listen 80;\n  location / { proxy_pass http://a; }\n}\nEOF\n}\n",
    ),
    ("index", "<?php\n$conf = 'server { listen 80; location / { proxy_pass http://a; } }';\n"),
    (
        "README",
        "Put this into your site:\n\n    server {\n        listen 80;\n        location / { proxy_pass http://a; }\n    }\n",
    ),
    (
        "INSTALL",
        "Apache\n------\n\nFirst enable the modules, then write the following lines\ninto the file of your site and restart\nthe \
         server.\n\n<VirtualHost *:80>\n  ServerName a\n  ProxyPass / http://a/\n</VirtualHost>\n\nThen look at the page.\n",
    ),
    (
        "notes",
        "# nginx\n\n```\nserver {\n  listen 80;\n  location / { proxy_pass http://a; }\n}\n```\n\nThat is all.\n",
    ),
    ("package", "{\n  \"proxy\": \"http://a\",\n  \"server\": {}\n}\n"),
    ("compact", "{\"location\":\"/\",\"proxy_pass\":\"http://a;\"}\n"),
    ("list", "[\"server {\", \"listen 80;\"]\n"),
    ("values", "---\nserver: a\nlocation: /\nproxy_pass: http://a\n"),
    (
        "chart",
        "nginx:\n  conf: |\n    server {\n      listen 80;\n      location / { proxy_pass http://a; }\n    }\n",
    ),
    (
        "main",
        "#include <stdio.h>\nint main(void) {\n  server s = {0};\n  return serve(&s);\n}\nstruct server { int listen; };\n",
    ),
    ("style", "body {\n  location: none;\n  color: red;\n}\n.server { listen: 80; }\n"),
    (
        "app",
        "const server = http.createServer();\nserver.listen(80);\nfunction location() { return proxy_pass; }\n",
    ),
    ("Caddyfile", "example.com {\n\treverse_proxy /ws localhost:9000\n\troot * /srv\n}\n"),
    (
        "Caddyfile.2",
        "example.com {\n    handle /ws {\n        reverse_proxy localhost:9000\n    }\n    log\n}\n",
    ),
    (
        "haproxy.cfg",
        "global\n  daemon\nfrontend web\n  bind *:80\n  acl ws hdr(Upgrade) -i websocket\n  use_backend ws if ws\nbackend ws\n  \
         server a 10.0.0.5:9000 check\n",
    ),
    (
        "logrotate",
        "/var/log/nginx/*.log {\n  daily\n  rotate 14\n  postrotate\n    kill -USR1 `cat /run/nginx.pid`\n  endscript\n}\n",
    ),
    ("nginx.service", "[Unit]\nDescription=nginx\n\n[Service]\nExecStart=/usr/sbin/nginx\n"),
    ("consul.conf", "server = true\nports {\n  http = 8500\n}\nlog_level = \"info\"\n"),
    ("nomad", "server {\n  enabled = true\n  bootstrap_expect = 3\n}\nlocation {\n  x = 1\n}\n"),
    (
        "named.conf",
        "options {\n  directory \"/var\";\n  listen-on { any; };\n};\nserver 10.0.0.5 {\n  keys { k; };\n};\nzone \"a\" { type master; };\n",
    ),
    (
        "dhcpd.conf",
        "subnet 10.0.0.0 netmask 255.0.0.0 {\n  range 10.0.0.5 10.0.0.9;\n  server-name \"a\";\n}\n",
    ),
    (
        "syslog-ng.conf",
        "source s_a { system(); };\ndestination d { file(\"/var/log/a\"); };\nlog { source(s_a); };\n",
    ),
    (
        "varnish",
        "vcl 4.1;\nbackend default {\n  .host = \"a\";\n}\nsub vcl_recv {\n  if (req.http.upgrade) { return (pipe); }\n}\n",
    ),
    (
        "lighttpd.conf",
        "server.modules = ( \"mod_proxy\" )\n$HTTP[\"url\"] =~ \"^/ws\" {\n  proxy.server = ( \"\" => () )\n}\n",
    ),
    (
        "default.nixos",
        "{ config, ... }:\n{\n  services.nginx.virtualHosts.a.locations.\"/\" = {\n    proxyPass = \"http://a\";\n    extraConfig = ''\n      \
         proxy_http_version 1.1;\n      proxy_set_header Upgrade $http_upgrade;\n    '';\n  };\n}\n",
    ),
    ("site.puppet", "nginx::resource::location { '/ws':\n  proxy => 'http://a',\n  server => 'a',\n}\n"),
    (
        "Dockerfile",
        "FROM nginx\nCOPY a /etc/nginx\nRUN echo 'proxy_pass http://a;' >> /etc/nginx/a\nEXPOSE 80\n",
    ),
    ("Makefile", "server:\n\tgo run .\nlocation: server\n\t@echo proxy_pass\n"),
    ("server.properties", "server.port=80\nlocation=/\nServerName=a\n"),
    ("tomcat", "<Server port=\"8005\">\n  <Location path=\"/\">\n  </Location>\n</Server>\n"),
    ("metadata", "<Locations>\n<Location>http://a/</Location>\n<Proxy>x</Proxy>\n</Locations>\n"),
    ("hosts", "10.0.0.5 server\n10.0.0.6 location\n"),
    ("squid.conf", "http_port 3128\nacl all src all\nhttp_access allow all\ncache_peer a parent 80 0\n"),
];

#[test]
fn what_only_looks_like_a_configuration_is_none() {
    for (name, text) in OTHERS {
        assert_eq!(kind(name, text), Kind::Neither, "{name}");
    }
}

#[test]
fn mains_are_told_from_prose_that_quotes_them() {
    let main = "events {}\nhttp {\n  include sites/*;\n}\n";
    assert_eq!(kind("edge", main), Kind::Main(Server::Nginx));
    assert_eq!(kind("nginx.conf.j2", "user {{ user }};\nevents {}\nhttp {}\n"), Kind::Main(Server::Nginx));
    let quoted = format!("The file looks like this.\n\n{main}\nAnd so on.\n");
    assert_eq!(kind("NOTES", &quoted), Kind::Neither);
    let apache = "ServerRoot \"/etc/httpd\"\nListen 80\nInclude conf.d/*.conf\n";
    assert_eq!(kind("web", apache), Kind::Main(Server::Apache));
    let quoted = format!("of the old release\nyou had to write\n{apache}and then\nit was to be\nrestarted\n");
    assert_eq!(kind("NOTES", &quoted), Kind::Neither);
}

#[test]
fn templates_are_told_by_their_expressions() {
    let template = |name: &str, text: &str| what_is(Path::new(name), text.as_bytes()).template;
    assert!(template("a.conf", "server {\n  listen {{ port }};\n}\n"));
    assert!(template("a.conf.template", "server {\n  listen ${PORT};\n}\n"));
    assert!(!template("a.conf", "RewriteCond %{HTTP:Upgrade} x\nProxyPass / ${BACK}\n"));
}

#[test]
fn every_beginning_of_every_file_is_told_without_a_panic() {
    for (name, text) in OTHERS {
        for end in 0..text.len() {
            what_is(Path::new(name), &text.as_bytes()[..end]);
        }
    }
    for text in
        ["{{", "{%", "<%", "\"", "'\\", "a${", "}}}}", "x_by_lua_block {", "\\", "{{ {{ }}", "# In file: "]
    {
        what_is(Path::new("a.conf"), text.as_bytes());
    }
}
