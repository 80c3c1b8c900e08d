//! The layouts in which distributions and images lay out both servers, and what must not be taken for a main file.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::source::files;

const NGINX: &str = "worker_processes 1;\nevents {}\nhttp {\n    include sites/*.conf;\n}\n";
const NGINX_SITE: &str =
    "server {\n    listen 80;\n    location / { proxy_pass http://127.0.0.1:9000; }\n}\n";
const SITE: &str =
    "<VirtualHost *:80>\n  ServerName a.test\n  ProxyPass /ws ws://127.0.0.1:9000/ws\n</VirtualHost>\n";
const SOURCE: &str = "ServerRoot \"/usr/local/apache2\"\nListen 80\nLoadModule mpm_event_module modules/mod_mpm_event.so\n\
    <IfModule unixd_module>\nUser daemon\nGroup daemon\n</IfModule>\n";
const DEBIAN: &str = "PidFile ${APACHE_PID_FILE}\nUser ${APACHE_RUN_USER}\nIncludeOptional mods-enabled/*.load\n\
    Include ports.conf\n<Directory />\n\tRequire all denied\n</Directory>\n";

type Files<'a> = &'a [(&'a str, &'a str)];

fn tree(files: Files) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, text).expect("writable");
    }
    directory
}

/// What is found, as `nginx PATH` or `apache PATH`.
fn found(files: Files) -> Vec<String> {
    found_in(tree(files).path())
}

fn found_in(directory: &Path) -> Vec<String> {
    let words = |main: Main| {
        let path = main.path.strip_prefix(directory).expect("below the directory");
        format!("{} {}", if main.server == Server::Nginx { "nginx" } else { "apache" }, path.display())
    };
    Survey::of(&files::Disk, directory, true).mains.into_iter().map(words).collect()
}

#[test]
fn every_layout_has_one_main_file() {
    let listen = "Listen 443\n";
    let mpm = "LoadModule mpm_event_module modules/mod_mpm_event.so\n";
    let process = "<IfModule !mpm_netware_module>\n    PidFile \"logs/httpd.pid\"\n</IfModule>\n";
    let parts = "Include /etc/apache2/listen.conf\nInclude /etc/apache2/vhosts.d/*.conf\n";
    let drive = "Define SRVROOT \"c:/Apache24\"\r\nServerRoot \"${SRVROOT}\"\r\nListen 80\r\nInclude conf/extra/httpd-vhosts.conf\r\n";
    let layouts: [(&str, Files, &str); 9] = [
        (
            "Debian",
            &[
                ("etc/apache2/apache2.conf", DEBIAN),
                ("etc/apache2/httpd.conf", "LoadModule proxy_module x.so\n"),
                ("etc/apache2/ports.conf", "Listen 80\n<IfModule ssl_module>\n\tListen 443\n</IfModule>\n"),
                ("etc/apache2/mods-available/mpm_event.conf", "StartServers 2\n"),
                ("etc/apache2/sites-available/000-default.conf", SITE),
                ("etc/apache2/sites-enabled/000-default.conf", SITE),
            ],
            "apache etc/apache2/apache2.conf",
        ),
        (
            "RHEL",
            &[
                (
                    "etc/httpd/conf/httpd.conf",
                    "ServerRoot \"/etc/httpd\"\nListen 80\nInclude conf.modules.d/*.conf\n",
                ),
                ("etc/httpd/conf.modules.d/00-mpm.conf", mpm),
                (
                    "etc/httpd/conf.d/ssl.conf",
                    "Listen 443 https\n<VirtualHost _default_:443>\n</VirtualHost>\n",
                ),
                ("etc/httpd/conf.d/vhosts.conf", SITE),
            ],
            "apache etc/httpd/conf/httpd.conf",
        ),
        (
            "image",
            &[
                ("usr/local/apache2/conf/httpd.conf", SOURCE),
                ("usr/local/apache2/conf/extra/httpd-mpm.conf", process),
                ("usr/local/apache2/conf/extra/httpd-ssl.conf", listen),
                ("usr/local/apache2/conf/original/httpd.conf", SOURCE),
            ],
            "apache usr/local/apache2/conf/httpd.conf",
        ),
        (
            "Bitnami",
            &[
                ("apache/conf/httpd.conf", "ServerRoot \"/opt/bitnami/apache\"\nListen 8080\n"),
                ("apache/conf.default/httpd.conf", SOURCE),
                (
                    "apache/conf/bitnami/bitnami.conf",
                    "Listen 8443\nInclude \"/opt/bitnami/apache/conf/bitnami/apps.conf\"\n",
                ),
                ("apache/conf/vhosts/a.conf", SITE),
            ],
            "apache apache/conf/httpd.conf",
        ),
        (
            "FreeBSD",
            &[
                ("etc/apache24/httpd.conf", "ServerRoot \"/usr/local\"\nListen 80\n"),
                ("etc/apache24/modules.d/020_mod_ssl.conf", listen),
                ("etc/apache24/extra/httpd-mpm.conf", process),
            ],
            "apache etc/apache24/httpd.conf",
        ),
        (
            "SUSE",
            &[
                ("etc/apache2/httpd.conf", parts),
                ("etc/apache2/uid.conf", "User wwwrun\nGroup www\n"),
                ("etc/apache2/listen.conf", "Listen 80\n"),
                ("etc/apache2/vhosts.d/a.conf", SITE),
            ],
            "apache etc/apache2/httpd.conf",
        ),
        (
            "Gentoo",
            &[
                ("etc/apache2/httpd.conf", "ServerRoot \"/usr/lib64/apache2\"\nUser apache\n"),
                ("etc/apache2/modules.d/00_mpm.conf", process),
                (
                    "etc/apache2/vhosts.d/00_default_vhost.conf",
                    "Listen 80\n<VirtualHost *:80>\n</VirtualHost>\n",
                ),
            ],
            "apache etc/apache2/httpd.conf",
        ),
        (
            "macOS",
            &[
                ("private/etc/apache2/httpd.conf", "ServerRoot \"/usr\"\nListen 80\n"),
                ("private/etc/apache2/original/httpd.conf", "ServerRoot \"/usr\"\nListen 80\n"),
                ("private/etc/apache2/users/me.conf", "<Directory \"/Users/me/Sites/\">\n</Directory>\n"),
            ],
            "apache private/etc/apache2/httpd.conf",
        ),
        (
            "Windows",
            &[
                ("xampp/apache/conf/httpd.conf", drive),
                ("xampp/apache/conf/extra/httpd-xampp.conf", "<IfModule env_module>\r\n</IfModule>\r\n"),
                ("xampp/apache/conf/extra/httpd-ajp.conf", "LoadModule proxy_ajp_module modules/x.so\r\n"),
            ],
            "apache xampp/apache/conf/httpd.conf",
        ),
    ];
    for (name, files, expected) in layouts {
        assert_eq!(found(files), [expected], "{name}");
        // The same, with the directory given in which the server's own lies.
        let directory = tree(files);
        let (_, path) = expected.split_once(' ').expect("two words");
        let own = directory.path().join(path);
        let given = own.parent().expect("a parent");
        let name = own.file_name().expect("a name").to_string_lossy().into_owned();
        assert_eq!(found_in(given), [format!("apache {name}")], "{}", given.display());
    }
}

#[test]
fn parts_without_their_main_file_are_no_main_files() {
    let part = "LoadModule mpm_event_module modules/mod_mpm_event.so\nInclude conf.d/listen.conf\n";
    let site = "Listen 8443\nLoadModule proxy_module modules/mod_proxy.so\n<VirtualHost *:8443>\nInclude a.conf\n</VirtualHost>\n";
    assert_eq!(
        found(&[
            ("conf.modules.d/00-mpm.conf", part),
            ("conf.d/httpd.conf", "Listen 80\n"),
            ("ports.conf", "Listen 80\n"),
            ("parts/mpm.conf", "LoadModule mpm_event_module modules/mod_mpm_event.so\nStartServers 2\n"),
            (
                "parts/httpd-mpm.conf",
                "<IfModule !mpm_netware_module>\n    PidFile logs/httpd.pid\n</IfModule>\n"
            ),
            ("sites/a.conf", site),
            ("sites/b.conf", SITE),
            ("sites/old.conf", "Listen 81\n<VirtualHost *:81>\nUser a\n</VirtualHost>\n"),
            ("nginx/a.conf", NGINX_SITE),
        ]),
        [""; 0]
    );
}

#[test]
fn each_server_has_its_own_main_files() {
    assert_eq!(
        found(&[("nginx.conf", NGINX), ("httpd.conf", SOURCE)]),
        ["apache httpd.conf", "nginx nginx.conf"]
    );
    assert_eq!(
        found(&[
            ("nginx.conf", NGINX),
            ("apache/conf/httpd.conf", SOURCE),
            ("apache/other.conf", SOURCE),
            ("more/nginx.conf", NGINX),
        ]),
        ["apache apache/conf/httpd.conf", "nginx nginx.conf"]
    );
    assert_eq!(
        found(&[
            ("a/nginx.conf", NGINX),
            ("a/backend/apache2.conf", DEBIAN),
            ("b/httpd.conf", SOURCE),
            ("b/front/nginx.conf", NGINX),
            ("b/front/old.conf", NGINX),
        ]),
        [
            "apache a/backend/apache2.conf",
            "nginx a/nginx.conf",
            "nginx b/front/nginx.conf",
            "apache b/httpd.conf"
        ]
    );
}

#[test]
fn unusual_names_are_told_by_what_they_hold() {
    let outer = "events {}\ninclude http.conf;\nhttp {}\n";
    assert_eq!(
        found(&[
            ("deploy/main.conf", "ServerRoot /srv/web\nInclude conf/shared.conf\n"),
            ("deploy/shared.conf", "ServerRoot /srv/web\n"),
            ("deploy/web.conf", DEBIAN),
            (
                "deploy/wrapped.conf",
                "<IfDefine WEB>\nLoadModule mpm_event_module x.so\nListen 80\n</IfDefine>\n",
            ),
            ("edge/edge.conf", outer),
            ("edge/http.conf", "http {\n    server { listen 80; }\n}\n"),
            ("edge/inner/edge.conf", outer),
        ]),
        [
            "apache deploy/main.conf",
            "apache deploy/web.conf",
            "apache deploy/wrapped.conf",
            "nginx edge/edge.conf"
        ]
    );
}

#[test]
fn a_main_file_called_like_the_other_servers_is_told_by_what_it_holds() {
    assert_eq!(found(&[("httpd.conf", NGINX)]), ["nginx httpd.conf"]);
    assert_eq!(found(&[("a/nginx.conf", SOURCE)]), ["apache a/nginx.conf"]);
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let directory = tree(&[("web/main.conf", SOURCE)]);
    for name in ["httpd.conf", "nginx.conf", "web/a.conf", "web/httpd.conf"] {
        let fifo = Command::new("mkfifo").arg(directory.path().join(name)).status().expect("mkfifo runs");
        assert!(fifo.success());
    }
    assert_eq!(found_in(directory.path()), ["apache web/main.conf"]);
    let fifo = directory.path().join("web/a.conf");
    assert!(files::Files::head(&files::Disk, &fifo, HEAD).is_err());
}

#[test]
fn only_the_beginning_of_a_file_is_looked_at() {
    let far = "# a comment\n".repeat(HEAD as usize / 12 + 1) + SOURCE;
    assert_eq!(found(&[("a/far.conf", &far)]), [""; 0]);
}

#[test]
fn a_lone_file_is_told_by_its_lines_then_by_its_place() {
    use Server::{Apache, Nginx};
    for (path, bytes, expected) in [
        ("/x/a.conf", SITE, Apache),
        ("/etc/apache2/a.conf", NGINX_SITE, Nginx),
        ("/etc/nginx/a.conf", "<virtualhost *:80>\r\nproxypass / http://b/\r\n</virtualhost>\r\n", Apache),
        ("/x/apache/a.conf", "location /ws { proxy_pass http://b; } # chat\n", Nginx),
        ("/x/a.conf", "ErrorLog ${APACHE_LOG_DIR}/e.log\nDefine ROOT ${HOME}\n", Apache),
        ("/x/a.conf", "RewriteRule ^/ws(.*) ws://127.0.0.1:9000$1 [P]\n", Apache),
        ("/x/a.conf", "\u{feff}ServerName a.test\n", Apache),
        ("/x/a.conf", "listen 80;\nreturn 200 '\n<html>\n<body>\n</body>\n</html>';\n", Nginx),
        ("/x/.htaccess", "listen 80;\n", Apache),
        ("/x/a.conf", "", Nginx),
        ("/x/httpd-vhosts.conf", "# nothing\n", Apache),
        ("/x/apache2/sites-enabled/a.conf", "", Apache),
        ("/srv/apache/nginx/conf.d/a.conf", "", Nginx),
    ] {
        assert_eq!(server_of(Path::new(path), bytes.as_bytes()), expected, "{path} {bytes}");
    }
}

#[test]
fn blocks_of_other_programs_are_no_main_configuration() {
    for other in
        ["http {\n  host = \"0.0.0.0\"\n  port = 8080\n}\n", "http {\n  server {\n    port = 80\n  }\n}\n"]
    {
        assert_eq!(found(&[("application.conf", other)]), [""; 0], "{other}");
    }
    assert_eq!(found(&[("site.conf", "http {\n  server {\n    listen 80;\n  }\n}\n")]).len(), 1);
}
