#!/bin/sh
set -e
cat > /etc/nginx/conf.d/app.conf <<'EOF'
server {
    listen 80;
    location /ws {
        proxy_pass http://127.0.0.1:3000;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
    }
}
EOF
cat <<-CONF | sudo tee /etc/apache2/sites-available/app.conf
	<VirtualHost *:80>
	  ServerName $NAME
	  ProxyPass "/" "http://${BACKEND:-127.0.0.1:3000}/" upgrade=websocket
	  ErrorLog \${APACHE_LOG_DIR}/$(hostname).log
	</VirtualHost>
	CONF
tee /etc/nginx/conf.d/live.conf <<EOF
server {
    listen $PORT;
    server_name `hostname`;
    location /live {
        proxy_pass http://$APP;
        proxy_http_version 1.1;
        proxy_set_header Upgrade \$http_upgrade;
        proxy_set_header Connection "upgrade";
        proxy_set_header Host \$host;
    }
    $EXTRA
}
EOF
nginx -t && cat <<EOF
The server is up; see http://$NAME/
EOF
