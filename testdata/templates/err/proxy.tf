resource "local_file" "nginx" {
  content = <<-EOT
    server {
      listen ${var.port};
      location /ws {
        proxy_pass http://${var.app};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        # finds: connection-not-upgrade 9
        proxy_set_header Connection "close";
      }
    }
  EOT
}
