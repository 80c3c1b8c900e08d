cat > /etc/nginx/conf.d/app.conf <<EOF
server {
    listen $PORT;
    location /ws {
        proxy_pass http://$APP;
        proxy_http_version 1.1;
        # finds: misspelled-variable 35
        proxy_set_header Upgrade \$http_upgrad;
        proxy_set_header Connection "upgrade";
    }
}
EOF
