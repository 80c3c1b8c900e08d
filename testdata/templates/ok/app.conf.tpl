events {}
http {
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  server {
    listen ${port};
    server_name ${domain};
    location /ws {
      proxy_pass http://${backend_host}:${backend_port};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host ${host};
      proxy_set_header X-A ${some_thing};
      proxy_read_timeout ${timeout};
    }
    ${extra_locations}
  }
}
