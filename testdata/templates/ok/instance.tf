resource "aws_instance" "proxy" {
  ami = data.aws_ami.debian.id
}

resource "local_file" "nginx" {
  filename = "nginx.conf"
  content  = <<-EOT
    %{ for name, app in var.apps ~}
    upstream ${name} { server ${app.host}:${app.port}; }
    %{ endfor ~}
    server {
      listen ${var.port}%{ if var.tls } ssl%{ endif };
      server_name $${host}.example.com;
      location /ws {
        proxy_pass http://${var.app};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
      }
      ${var.extra}
    }
  EOT
}

locals {
  vhost = <<EOF
<VirtualHost *:80>
  ServerName ${var.name}
  RewriteEngine on
  RewriteCond %%{HTTP:Upgrade} =websocket [NC]
  RewriteRule ^/(.*)$ ws://${var.backend}/$1 [P,L]
  ProxyPass / http://${var.backend}/
</VirtualHost>
EOF
}
