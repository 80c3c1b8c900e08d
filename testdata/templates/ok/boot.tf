resource "x" "y" {
  user_data = <<-EOF
    #!/bin/sh
    cat > /etc/nginx/conf.d/app.conf <<'NGINX'
    server {
      listen 80;
      location /ws {
        proxy_pass http://127.0.0.1:8000;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
      }
    }
    NGINX
    systemctl restart nginx
  EOF
}
